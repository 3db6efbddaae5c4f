/* scripts.h - made by scripts/lua.sh of scripts/ (the Lua files): change those, and make scripts */
/* clang-format off */

#define TEXT_CALL \
    "local call,K,A=redis.call,KEYS,ARGV\n"

#define TEXT_THERE \
    "if call('HGET',K[1],'')~=A[1] then\n" \
    "return redis.error_reply('XKVLOST the store is not there')\nend\n"

#define TEXT_STORE \
    "local function store(key,value)\nif call('HSET',K[1],key,value)==1 then\n" \
    "call('ZADD',K[2],0,key)\nend\nend\n"

#define TEXT_CHUNKS \
    "local function chunks(list,each)\nfor i=1,#list,2000 do\neach(i,math.min(i+1999,#list))\n" \
    "end\nend\n"

#define TEXT_UNBIND \
    "local function unbind(held)\nlocal field=held and string.match(held,'^%d+ (.*)$')\n" \
    "if field then\ncall('HDEL',K[6],field)\nend\nend\n"

#define TEXT_UNCLAIM \
    "local function unclaim(key)\nlocal held=call('HGET',K[5],key)\nif held then\n" \
    "call('ZREM',K[3],key)\ncall('ZREM',K[4],key)\ncall('HDEL',K[5],key)\nunbind(held)\nend\n" \
    "end\n"

#define TEXT_UNCLAIM_MANY \
    "local function unclaim_many(keys)\nif call('ZCARD',K[3])==0 then\nreturn\nend\n" \
    "local bound=call('EXISTS',K[6])==1\nchunks(keys,function(i,j)\n" \
    "local held=bound and call('HMGET',K[5],unpack(keys,i,j)) or {}\n" \
    "call('ZREM',K[3],unpack(keys,i,j))\ncall('ZREM',K[4],unpack(keys,i,j))\n" \
    "call('HDEL',K[5],unpack(keys,i,j))\nfor n=1,#held do\nunbind(held[n])\nend\nend)\nend\n"

#define TEXT_REMOVE \
    "local function remove(key)\nif call('HDEL',K[1],key)==0 then\nreturn 0\nend\n" \
    "call('ZREM',K[2],key)\nunclaim(key)\nreturn 1\nend\n"

#define TEXT_TAKE \
    "local function take(key)\nlocal value=call('HGET',K[1],key)\ncall('HDEL',K[1],key)\n" \
    "call('ZREM',K[2],key)\nreturn {key,value}\nend\n"

#define TEXT_REMOVE_MANY \
    "local function remove_many(keys)\nlocal removed=0\nchunks(keys,function(i,j)\n" \
    "removed=removed+call('HDEL',K[1],unpack(keys,i,j))\ncall('ZREM',K[2],unpack(keys,i,j))\n" \
    "end)\nunclaim_many(keys)\nreturn removed\nend\n"

#define TEXT_RANGE \
    "local function range(set,p,q)\nif p=='' then\nreturn 0,call('ZCARD',set)\nend\n" \
    "local first=call('ZLEXCOUNT',set,'-','('..p)\n" \
    "return first,call('ZLEXCOUNT',set,'-','('..q)-first\nend\n"

#define TEXT_RANDOM \
    "local s1,s2\nlocal function seed(a,b)\ns1=a%2147483562+1\ns2=b%2147483398+1\nend\n" \
    "local function draw()\ns1=40014*s1%2147483563\ns2=40692*s2%2147483399\n" \
    "return (s1-s2-1)%2147483562\nend\nlocal function below(n)\n" \
    "return (draw()*4194304+draw()%4194304)%n\nend\n"

#define TEXT_DRAWN \
    "local function drawn(total,a,b,bound)\nbound=(bound or total)+0\n" \
    "if total>0 and total<=bound then\nseed(a,b)\nlocal n=below(bound)\n" \
    "return n<total and n or nil\nend\nend\n"

#define TEXT_COUNTED \
    "local function counted(total,bound,answer)\nif bound then\ntable.insert(answer,1,total)\n" \
    "end\nreturn answer\nend\n"

#define TEXT_CLOCK \
    "local function clock()\nif A[2]~='' then\nreturn A[2]+0,A[2]*1000\nend\n" \
    "local t=call('TIME')\nreturn t[1]*1000+math.floor(t[2] / 1000),t[1]*1000000+t[2]\nend\n"

#define TEXT_DIGITS \
    "local function digits(number)\nreturn string.format('%.0f',number)\nend\n"

#define TEXT_EXPIRE \
    "local function expire(now)\nwhile true do\n" \
    "local due=call('ZRANGEBYSCORE',K[4],'-inf',now,'LIMIT',0,1000)\nif #due==1000 and\n" \
    "call('ZCOUNT',K[4],'-inf',now)==call('ZCARD',K[4]) then\n" \
    "call('UNLINK',K[3],K[4],K[5],K[6])\nreturn\nelseif #due==0 then\nreturn\nend\n" \
    "unclaim_many(due)\nend\nend\n"

#define TEXT_POOL \
    "local function pool(p,q)\nlocal it={claimed=0,first_claim=0}\n" \
    "it.first,it.total=range(K[2],p,q)\nif call('ZCARD',K[3])>0 then\n" \
    "it.first_claim,it.claimed=range(K[3],p,q)\nend\nit.size=it.total-it.claimed\nreturn it\n" \
    "end\nlocal function key_at(rank)\nreturn call('ZRANGE',K[2],rank,rank)[1]\nend\n" \
    "local function free_at(it,n)\nlocal low,high=0,it.claimed\nwhile low<high do\n" \
    "local middle=math.floor((low+high) / 2)\nlocal rank=it.first_claim+middle\n" \
    "local key=call('ZRANGE',K[3],rank,rank)[1]\n" \
    "if call('ZRANK',K[2],key)-it.first-middle>n then\nhigh=middle\nelse\nlow=middle+1\nend\n" \
    "end\nreturn key_at(it.first+n+low)\nend\n"

#define TEXT_CHOOSE \
    "local function choose(it,a,b,bound)\n" \
    "if it.size==0 or bound and not drawn(it.size,a,b,bound) then\nreturn\nend\n" \
    "if not bound then\nseed(a,b)\nend\nif it.size*4>=it.total then\nwhile true do\n" \
    "local key=key_at(it.first+below(it.total))\n" \
    "if it.claimed==0 or not call('ZSCORE',K[3],key) then\nreturn key\nend\nend\nend\n" \
    "return free_at(it,below(it.size))\nend\n"

#define TEXT_DISTINCT \
    "local function distinct(count,bound)\nlocal taken,numbers={},{}\n" \
    "for j=bound-count,bound-1 do\nlocal n=below(j+1)\nif taken[n] then\nn=j\nend\n" \
    "taken[n]=true\nnumbers[#numbers+1]=n\nend\nfor i=count,2,-1 do\nlocal j=below(i)+1\n" \
    "numbers[i],numbers[j]=numbers[j],numbers[i]\nend\nreturn numbers\nend\n"

#define TEXT_CHOOSE_MANY \
    "local function choose_many(it,count)\nlocal keys={}\ncount=math.min(count,it.size)\n" \
    "if it.claimed>0 and (it.size-count)*4>=it.total then\nlocal met={}\nwhile #keys<count do\n" \
    "local key=key_at(it.first+below(it.total))\n" \
    "if not met[key] and not call('ZSCORE',K[3],key) then\nmet[key]=true\nkeys[#keys+1]=key\n" \
    "end\nend\nreturn keys\nend\nfor i,n in ipairs(distinct(count,it.size)) do\n" \
    "keys[i]=it.claimed>0 and free_at(it,n) or key_at(it.first+n)\nend\nreturn keys\nend\n"

#define TEXT_TOKENS \
    "local function tokens(count,micros)\n" \
    "local last,each=string.match(call('GET',K[7]) or '0','^(%d+) ?(%d*)$')\n" \
    "each=tonumber(each) or 1\nlocal first=math.max(last+each,micros+(last-micros)%each)\n" \
    "call('SET',K[7],digits(first+(count-1)*each)..' '..each)\nreturn first,each\nend\n"

#define TEXT_GRANT \
    "local function grant(key,token,deadline,field)\ncall('ZADD',K[3],0,key)\n" \
    "call('ZADD',K[4],deadline,key)\n" \
    "call('HSET',K[5],key,digits(token)..(field and ' '..field or ''))\nif field then\n" \
    "call('HSET',K[6],field,key)\nend\nend\n"

#define TEXT_GRANT_MANY \
    "local function grant_many(keys,micros,deadline)\nlocal values,told={},{}\n" \
    "local token,each=tokens(#keys,micros)\nchunks(keys,function(i,j)\nlocal c,x,o={},{},{}\n" \
    "for n=i,j do\nlocal at=#c+1\ntold[n]=digits(token+(n-1)*each)\n" \
    "c[at],x[at],o[at]=0,deadline,keys[n]\nc[at+1],x[at+1],o[at+1]=keys[n],keys[n],told[n]\n" \
    "end\ncall('ZADD',K[3],unpack(c))\ncall('ZADD',K[4],unpack(x))\n" \
    "call('HSET',K[5],unpack(o))\nfor n,v in ipairs(call('HMGET',K[1],unpack(keys,i,j))) do\n" \
    "values[i+n-1]=v\nend\nend)\nreturn values,told\nend\n"

#define TEXT_GRANT_ONE \
    "local function grant_one(key,now,micros,ttl,field)\nlocal token=tokens(1,micros)\n" \
    "grant(key,token,now+ttl,field)\n" \
    "return {digits(token),digits(now+ttl),key,call('HGET',K[1],key)}\nend\n"

#define TEXT_MEANING \
    "local function meaning(value,json)\nif json~='1' then\nreturn value~='' and value\nend\n" \
    "local plain=string.match(value,'^\"([^\"\\\\]+)\"$')\nif plain then\nreturn plain\nend\n" \
    "local fine,list=pcall(cjson.decode,'['..value..']')\n" \
    "local key=fine and #list==1 and list[1]\nreturn type(key)=='string' and key~='' and key\n" \
    "end\n"

#define TEXT_QUOTED \
    "local function quoted(key,json)\nif json~='1' then\nreturn key\nend\n" \
    "local short={['\"']='\\\\\"',['\\\\']='\\\\\\\\',['\\b']='\\\\b',['\\f']='\\\\f',['\\n']='\\\\n',['\\r']='\\\\r',['\\t']='\\\\t'}\n" \
    "return '\"'..string.gsub(key,'[%z\\1-\\31\"\\\\]',function(c)\n" \
    "return short[c] or string.format('\\\\u%04x',string.byte(c))\nend)..'\"'\nend\n"

enum script_number {
    SCRIPT_CLAIM_RANDOM,
    SCRIPT_CLAIM_NEXT,
    SCRIPT_CLAIM_FOR_OWNER,
    SCRIPT_CLAIM_KEY,
    SCRIPT_CLAIM_RANDOM_MANY,
    SCRIPT_CLAIM_KEYS,
    SCRIPT_SETTLE,
    SCRIPT_POP_RANDOM,
    SCRIPT_POP_NEXT,
    SCRIPT_POP_RANDOM_MANY,
    SCRIPT_STATS,
    SCRIPT_SIZE,
    SCRIPT_CLEAR,
    SCRIPT_COUNT,
    SCRIPT_LIST,
    SCRIPT_LIST_KEYS,
    SCRIPT_SET_MANY,
    SCRIPT_DELETE_MANY,
    SCRIPT_DELETE_BY_PREFIX,
    SCRIPT_REBUILD,
    SCRIPT_NEXT_CIRCULAR,
    SCRIPT_LOOK_TURN,
    SCRIPT_TAKE_TURN,
    SCRIPT_NEXT,
    SCRIPT_LOOK_POSITION,
    SCRIPT_TAKE_POSITION,
    SCRIPT_RANDOM_KEY,
    SCRIPT_RANDOM_ENTRY,
    SCRIPT_RANDOM_KEYS,
    SCRIPT_EXISTS,
    SCRIPT_SET,
    SCRIPT_SET_IF_ABSENT,
    SCRIPT_GET_OR_SET,
    SCRIPT_SWAP,
    SCRIPT_DELETE,
    SCRIPT_INCREMENT_BY,
    SCRIPT_COMPARE,
    SCRIPT_OPEN,
    SCRIPT_JOIN,
    SCRIPT_MADE,
    SCRIPTS
};

static const struct script {
    const char *text, *sha1;
} scripts[SCRIPTS] = {
    [SCRIPT_CLAIM_RANDOM] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_DRAWN TEXT_CHOOSE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT TEXT_GRANT_ONE TEXT_COUNTED
    "local now,micros=clock()\nexpire(now)\nlocal it=pool(A[3],A[4])\n"
    "local key=choose(it,A[5],A[6],A[8])\n"
    "return counted(it.size,A[8],key and grant_one(key,now,micros,A[7]) or {})\n",
    "4443e7b11e41fa041bd2aab67d75072fcc4fd4b7"},
    [SCRIPT_CLAIM_NEXT] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT TEXT_GRANT_ONE
    "local now,micros=clock()\nexpire(now)\nlocal it=pool(A[3],A[4])\n"
    "local key=it.size>0 and free_at(it,0)\nif not key or A[6] and key>A[6] then\nreturn {}\n"
    "end\nreturn grant_one(key,now,micros,A[5])\n",
    "7e42e5284b7ae85d77b12b80af79d714f76bfb91"},
    [SCRIPT_CLAIM_FOR_OWNER] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_DRAWN TEXT_CHOOSE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT TEXT_GRANT_ONE TEXT_COUNTED
    "local now,micros=clock()\nlocal field=#A[8]..':'..A[8]..A[3]\nexpire(now)\n"
    "local key=call('HGET',K[6],field)\nif key then\n"
    "return counted(0,A[9],{string.match(call('HGET',K[5],key),'^%d+'),\n"
    "digits(call('ZSCORE',K[4],key)),key,call('HGET',K[1],key)})\nend\n"
    "local it=pool(A[3],A[4])\nkey=choose(it,A[5],A[6],A[9])\n"
    "return counted(it.size,A[9],key and grant_one(key,now,micros,A[7],field) or {})\n",
    "9d38773f1b995b2f90ce25fbb6e885589d782190"},
    [SCRIPT_CLAIM_KEY] = {
    TEXT_CALL TEXT_THERE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT TEXT_GRANT_ONE
    "local now,micros=clock()\nexpire(now)\n"
    "if call('HEXISTS',K[1],A[4])==0 or call('HEXISTS',K[5],A[4])==1 then\nreturn {}\nend\n"
    "return grant_one(A[4],now,micros,A[3])\n",
    "c0e8e7a4d72585a7609211f03c040200876f55ba"},
    [SCRIPT_CLAIM_RANDOM_MANY] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_DISTINCT TEXT_CHOOSE_MANY TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT_MANY
    "local now,micros=clock()\nexpire(now)\nlocal it,out=pool(A[3],A[4]),{}\n"
    "if it.size==0 then\nreturn out\nend\nseed(A[5],A[6])\nlocal keys=choose_many(it,A[8]+0)\n"
    "local deadline=now+A[7]\nlocal values,granted=grant_many(keys,micros,deadline)\n"
    "local ends=digits(deadline)\nfor i,key in ipairs(keys) do\nout[4*i-3]=granted[i]\n"
    "out[4*i-2]=ends\nout[4*i-1]=key\nout[4*i]=values[i]\nend\nreturn out\n",
    "359123f45ee7fa8978952cb8bc45edf0449c0cb0"},
    [SCRIPT_CLAIM_KEYS] = {
    TEXT_CALL TEXT_THERE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_DIGITS TEXT_TOKENS TEXT_GRANT_MANY
    "local now,micros=clock()\nexpire(now)\nlocal out,free,places={},{},{}\nfor i=5,#ARGV do\n"
    "if call('HEXISTS',K[1],A[i])==0 then\nout[i-4]='missing'\n"
    "elseif call('HEXISTS',K[5],A[i])==1 then\nout[i-4]='busy'\nelse\nout[i-4]=false\n"
    "free[#free+1]=A[i]\nplaces[#free]=i-4\nend\nif A[4]=='1' and out[i-4] then\n"
    "for j=i+1,#ARGV do\nout[j-4]=false\nend\nreturn out\nend\nend\nif #free==0 then\n"
    "return out\nend\nlocal deadline=now+A[3]\n"
    "local values,granted=grant_many(free,micros,deadline)\nlocal ends=digits(deadline)\n"
    "for n,place in ipairs(places) do\nout[place]={granted[n],ends,values[n]}\nend\n"
    "return out\n",
    "6ab6f7f90d2098fc32d23dde60c6be7acf4fa270"},
    [SCRIPT_SETTLE] = {
    TEXT_CALL TEXT_THERE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_UNCLAIM TEXT_REMOVE_MANY
    "local now=clock()\nlocal done,removed={},{}\nexpire(now)\nfor i=5,#ARGV,2 do\n"
    "local key,token=A[i],A[i+1]\nlocal held=call('HGET',K[5],key)\n"
    "local ok=held and (held==token or string.sub(held,1,#token+1)==token..' ')\n"
    "done[#done+1]=ok and '1' or '0'\nif ok and A[3]=='n' then\n"
    "call('ZADD',K[4],now+A[4],key)\nelseif ok then\nunclaim(key)\nremoved[#removed+1]=key\n"
    "end\nend\nif A[3]=='c' then\nremove_many(removed)\nend\nreturn table.concat(done)\n",
    "932ac257279f1d6e2f31643f394e0d756fa934c2"},
    [SCRIPT_POP_RANDOM] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_DRAWN TEXT_CHOOSE TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_TAKE TEXT_COUNTED
    "expire((clock()))\nlocal it=pool(A[3],A[4])\nlocal key=choose(it,A[5],A[6],A[7])\n"
    "return counted(it.size,A[7],key and take(key) or {})\n",
    "da65f85fb8caac09aebe6a291a791c98a62070e4"},
    [SCRIPT_POP_NEXT] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_TAKE
    "expire((clock()))\nlocal it=pool(A[3],A[4])\nlocal key=it.size>0 and free_at(it,0)\n"
    "if key and A[5]=='' then\nreturn {key}\nend\nif not key or A[5] and key>A[5] then\n"
    "return {}\nend\nreturn take(key)\n",
    "96044ae9f01cb74ed6d0f698083ecd1063c718e3"},
    [SCRIPT_POP_RANDOM_MANY] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_POOL TEXT_DISTINCT TEXT_CHOOSE_MANY TEXT_CLOCK TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_EXPIRE TEXT_REMOVE_MANY
    "expire((clock()))\nlocal it,out=pool(A[3],A[4]),{}\nif it.size==0 then\nreturn out\nend\n"
    "seed(A[5],A[6])\nlocal keys=choose_many(it,tonumber(A[7]))\nchunks(keys,function(i,j)\n"
    "local values=call('HMGET',K[1],unpack(keys,i,j))\nfor n=i,j do\nout[2*n-1]=keys[n]\n"
    "out[2*n]=values[n-i+1]\nend\nend)\nremove_many(keys)\nreturn out\n",
    "cd56bb07ae03857d61bba47e8bee8a950a705840"},
    [SCRIPT_STATS] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_CLOCK
    "local now=clock()\nlocal _,total=range(K[2],A[3],A[4])\n"
    "local _,claimed=range(K[3],A[3],A[4])\nlocal expired=0\nif claimed>0 and A[3]=='' then\n"
    "expired=call('ZCOUNT',K[4],'-inf',now)\nelseif claimed>0 then\n"
    "for _,key in ipairs(call('ZRANGEBYSCORE',K[4],'-inf',now)) do\n"
    "if string.sub(key,1,#A[3])==A[3] then\nexpired=expired+1\nend\nend\nend\n"
    "return {total,claimed,expired,call('HLEN',K[1])-1,call('ZCARD',K[2])}\n",
    "7b9671c29931c63597d397d917090d07284748da"},
    [SCRIPT_SIZE] = {
    TEXT_CALL TEXT_THERE
    "return call('HLEN',K[1])-1\n",
    "ee770b24ceae2a20d36a6a214b8a1ddaa654230c"},
    [SCRIPT_CLEAR] = {
    TEXT_CALL TEXT_THERE
    "call('UNLINK',unpack(KEYS))\ncall('HSET',K[1],'',A[1])\nreturn 1\n",
    "e13d51466f543f654c63f24d1ec2ba58bf8bd7e4"},
    [SCRIPT_COUNT] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE
    "local _,count=range(K[2],A[2],A[3])\nreturn count\n",
    "41b5053e43c08a0d93655c26a8e1cbd38c58e5aa"},
    [SCRIPT_LIST] = {
    TEXT_CALL TEXT_THERE TEXT_CHUNKS
    "local keys=call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT',0,A[4])\nlocal out={}\n"
    "chunks(keys,function(i,j)\nlocal values=call('HMGET',K[1],unpack(keys,i,j))\n"
    "for n=i,j do\nout[2*n-1]=keys[n]\nout[2*n]=values[n-i+1]\nend\nend)\nreturn out\n",
    "92f18888c33fdbac047c7d887cb86835382acddb"},
    [SCRIPT_LIST_KEYS] = {
    TEXT_CALL TEXT_THERE
    "return call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT',0,A[4])\n",
    "e24e6bd54789c2fe1580eca05f29db6915fd040d"},
    [SCRIPT_SET_MANY] = {
    TEXT_CALL TEXT_THERE
    "for i=2,#ARGV,4000 do\ncall('HSET',K[1],unpack(ARGV,i,math.min(i+3999,#ARGV)))\nend\n"
    "local members={}\nfor i=2,#ARGV,2 do\nmembers[#members+1]=0\nmembers[#members+1]=A[i]\n"
    "if #members==4000 or i==#ARGV-1 then\ncall('ZADD',K[2],unpack(members))\nmembers={}\nend\n"
    "end\nreturn (#ARGV-1) / 2\n",
    "509dc19f5413fad078ad4ec5e13b99810b16bae8"},
    [SCRIPT_DELETE_MANY] = {
    TEXT_CALL TEXT_THERE TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "local keys={}\nfor i=2,#ARGV do\nkeys[i-1]=A[i]\nend\nreturn remove_many(keys)\n",
    "a9d676cbc2be2cec487ad3424fd8e95185e1cbb0"},
    [SCRIPT_DELETE_BY_PREFIX] = {
    TEXT_CALL TEXT_THERE TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "local keys=call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT',0,A[4])\nremove_many(keys)\n"
    "return {#keys,#call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT',0,1)}\n",
    "45d553ebfcc0985519d5ab3e344b0b0c28d81dff"},
    [SCRIPT_REBUILD] = {
    TEXT_CALL TEXT_THERE TEXT_CHUNKS TEXT_UNBIND TEXT_UNCLAIM_MANY
    "if call('HLEN',K[1])-1==call('ZCARD',K[2]) then\nreturn 0\nend\n"
    "local keys,gone=call('HKEYS',K[1]),{}\ncall('UNLINK',K[2])\nfor i=1,#keys,2000 do\n"
    "local members={}\nfor j=i,math.min(i+1999,#keys) do\nif keys[j]~='' then\n"
    "members[#members+1]=0\nmembers[#members+1]=keys[j]\nend\nend\nif #members>0 then\n"
    "call('ZADD',K[2],unpack(members))\nend\nend\n"
    "for _,key in ipairs(call('ZRANGE',K[3],0,-1)) do\nif call('HEXISTS',K[1],key)==0 then\n"
    "gone[#gone+1]=key\nend\nend\nunclaim_many(gone)\nreturn 1\n",
    "a680757799492795e6e6053efa73663131267c76"},
    [SCRIPT_NEXT_CIRCULAR] = {
    TEXT_CALL TEXT_THERE
    "local function first(low)\nreturn call('ZRANGEBYLEX',K[2],low,A[4],'LIMIT',0,1)[1]\nend\n"
    "local last=call('HGET',K[3],A[2])\nlocal key=last and first('('..last) or first(A[3])\n"
    "if not key then\nreturn {}\nend\ncall('HSET',K[3],A[2],key)\n"
    "return {key,call('HGET',K[1],key)}\n",
    "6b786ba96814ef36eccec8e8c7f50a54c96fddb3"},
    [SCRIPT_LOOK_TURN] = {
    TEXT_CALL TEXT_THERE
    "return call('HGET',K[2],A[2])\n",
    "c785be74b299d5535547498bcccf46441f78685d"},
    [SCRIPT_TAKE_TURN] = {
    TEXT_CALL TEXT_THERE
    "if (call('HGET',K[2],A[2]) or '')~=A[3] then\nreturn 0\nend\ncall('HSET',K[2],A[2],A[4])\n"
    "return 1\n",
    "c804978489ebfda205a0b742798a622e0da0a15c"},
    [SCRIPT_NEXT] = {
    TEXT_CALL TEXT_THERE TEXT_STORE TEXT_MEANING TEXT_QUOTED
    "local function first(low)\nreturn call('ZRANGEBYLEX',K[2],low,A[5],'LIMIT',0,1)[1]\nend\n"
    "local value=call('HGET',K[1],A[2])\nlocal last=value and meaning(value,A[7])\n"
    "if value and not last then\nreturn 1\nend\nlocal key=first(last and '('..last or A[4])\n"
    "if key and last and string.sub(key,1,#A[3])~=A[3] then\nkey=first(A[4])\nend\n"
    "if not key and A[6]=='1' then\nkey=first(A[4])\nend\nif not key then\nreturn {}\nend\n"
    "value=call('HGET',K[1],key)\nstore(A[2],quoted(key,A[7]))\nreturn {key,value}\n",
    "d5b667465a935d1d5a8d907c64d911265638388c"},
    [SCRIPT_LOOK_POSITION] = {
    TEXT_CALL TEXT_THERE
    "return call('HGET',K[1],A[2])\n",
    "4f04bcb5a506206d5350d70543011ddbecf89c51"},
    [SCRIPT_TAKE_POSITION] = {
    TEXT_CALL TEXT_THERE TEXT_STORE
    "if (call('HGET',K[1],A[2]) or nil)~=A[4] then\nreturn 0\nend\nstore(A[2],A[3])\nreturn 1\n",
    "4e13e0c9577140eb7edc2aacc3cb270c914905fe"},
    [SCRIPT_RANDOM_KEY] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_DRAWN
    "local first,total=range(K[2],A[2],A[3])\nlocal n=drawn(total,A[4],A[5],A[6])\n"
    "return {total,n and call('ZRANGE',K[2],first+n,first+n)[1] or nil}\n",
    "e7264b76762cfb69efd768a3f182c2aacb109872"},
    [SCRIPT_RANDOM_ENTRY] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_DRAWN TEXT_COUNTED
    "local first,total=range(K[2],A[2],A[3])\nlocal n,out=drawn(total,A[4],A[5],A[6]),{}\n"
    "if n then\nlocal key=call('ZRANGE',K[2],first+n,first+n)[1]\n"
    "out={key,call('HGET',K[1],key)}\nend\nreturn counted(total,A[6],out)\n",
    "db9f41b0c54103ad38278a2acecac2ed73059951"},
    [SCRIPT_RANDOM_KEYS] = {
    TEXT_CALL TEXT_THERE TEXT_RANGE TEXT_RANDOM TEXT_DISTINCT
    "local first,total=range(K[2],A[2],A[3])\nlocal count,keys,numbers=tonumber(A[6]),{},{}\n"
    "seed(A[4],A[5])\nif total>0 and A[7]=='0' then\n"
    "numbers=distinct(math.min(count,total),total)\nelseif total>0 then\nfor i=1,count do\n"
    "numbers[i]=below(total)\nend\nend\nfor i,n in ipairs(numbers) do\n"
    "keys[i]=call('ZRANGE',K[2],first+n,first+n)[1]\nend\nreturn keys\n",
    "a76d3bba5eb7a2e41443ac940e703ffaf96bdc87"},
    [SCRIPT_EXISTS] = {
    TEXT_CALL TEXT_THERE
    "return call('HEXISTS',K[1],A[2])\n",
    "d062609cc2fefb05a66782be21ed293151fa6d8c"},
    [SCRIPT_SET] = {
    TEXT_CALL TEXT_THERE
    "if call('HSET',K[1],unpack(ARGV,2))>0 then\nfor i=2,#ARGV,2 do\ncall('ZADD',K[2],0,A[i])\n"
    "end\nend\nreturn 1\n",
    "345fdb323b31f465760861f0fd24752b1cc070ff"},
    [SCRIPT_SET_IF_ABSENT] = {
    TEXT_CALL TEXT_THERE
    "if call('HSETNX',K[1],A[2],A[3])==0 then\nreturn 0\nend\ncall('ZADD',K[2],0,A[2])\n"
    "return 1\n",
    "3c3efed7c7dd059d46a190ff4cbc572bc28fbbdd"},
    [SCRIPT_GET_OR_SET] = {
    TEXT_CALL TEXT_THERE TEXT_STORE
    "local value=call('HGET',K[1],A[2])\nif not value then\nstore(A[2],A[3])\nend\n"
    "return value\n",
    "ac5e2c5282ebd55d93cdc22144eb7923b2295208"},
    [SCRIPT_SWAP] = {
    TEXT_CALL TEXT_THERE TEXT_STORE
    "local value=call('HGET',K[1],A[2])\nstore(A[2],A[3])\nreturn value\n",
    "f2e26b9af11732959df7bb534f7d13f09bcef0cb"},
    [SCRIPT_DELETE] = {
    TEXT_CALL TEXT_THERE TEXT_UNBIND TEXT_UNCLAIM TEXT_REMOVE
    "return remove(A[2])\n",
    "0a32c1b3a80d4ee8de1fa2e5969a050a378ef8ee"},
    [SCRIPT_INCREMENT_BY] = {
    TEXT_CALL TEXT_THERE TEXT_STORE
    "local function integer(value,json)\nif json then\n"
    "local from,to=string.find(value,'[^ \\t\\r\\n]'),#value\n"
    "while from and string.find(value,'^[ \\t\\r\\n]',to) do\nto=to-1\nend\n"
    "value=from and string.sub(value,from,to) or ''\n"
    "local quoted=string.match(value,'^\"(.*)\"$')\n"
    "if not quoted and string.find(value,'^%-?0.') then\nreturn\nend\nvalue=quoted or value\n"
    "end\nlocal sign=string.match(value,'^%-?')\nlocal all=string.sub(value,#sign+1)\n"
    "if all=='' or string.find(all,'%D') then\nreturn\nend\n"
    "local rest=string.sub(all,string.find(all,'[1-9]') or #all+1)\nif #rest>19 then\nreturn\n"
    "end\nlocal most=sign=='' and '9223372036854775807' or '9223372036854775808'\n"
    "if #rest==19 and rest>most then\nreturn\nend\nreturn rest=='' and '0' or sign..rest\nend\n"
    "local key,delta=A[2],A[3]\nlocal value=call('HGET',K[1],key)\nif not value then\n"
    "store(key,delta)\nreturn delta\nend\nlocal number=integer(value,A[4]=='1')\n"
    "if not number then\nreturn 1\nend\nif number~=value then\ncall('HSET',K[1],key,number)\n"
    "end\nlocal sum=redis.pcall('HINCRBY',K[1],key,delta)\nif type(sum)~='number' then\n"
    "if number~=value then\ncall('HSET',K[1],key,value)\nend\n"
    "return string.find(sum.err,'overflow') and 2 or sum\nend\nreturn call('HGET',K[1],key)\n",
    "9a83a4830f4971676577e60f715ab7345674fe7d"},
    [SCRIPT_COMPARE] = {
    TEXT_CALL TEXT_THERE TEXT_STORE TEXT_UNBIND TEXT_UNCLAIM TEXT_REMOVE
    "local value=call('HGET',K[1],A[2])\nlocal expect,new=A[3],A[6]\nlocal same\n"
    "if value then\nsame=expect~='1' and value==A[4]\nelse\nsame=expect~='0' and new\nend\n"
    "if not same then\nreturn value and A[5]=='0' and 0 or value\nend\nif new then\n"
    "store(A[2],new)\nelse\nremove(A[2])\nend\nreturn 1\n",
    "559ac2d0dc622f96e3e7823793bd0646d99422a8"},
    [SCRIPT_OPEN] = {
    TEXT_CALL
    "local there=call('HMGET',K[2],'format','id','serialization','partitions','making')\n"
    "local id=call('HGET',K[1],'')\n"
    "if not there[2] and not id and call('EXISTS',K[1],K[2])==0 then\n"
    "there={A[2],A[1],A[3],A[4],A[4]~='1' and '1' or nil}\n"
    "call('HSET',K[2],'format',A[2],'id',A[1],'serialization',A[3],\n"
    "'partitions',A[4],unpack(there[5] and {'making','1'} or {}))\ncall('HSET',K[1],'',A[1])\n"
    "if there[5] then\ncall('SET',K[3],'0 '..A[4])\nend\nreturn there\nend\n"
    "if not id or there[2]~=id then\n"
    "return redis.error_reply('XKVTORN only a part of the store is there')\nend\n"
    "if not there[5] then\nthere[5]=nil\nend\nreturn there\n",
    "86c4dcf108853c0578978767764dc708bdfb2165"},
    [SCRIPT_JOIN] = {
    TEXT_CALL
    "local id=call('HGET',K[1],'')\nif id==A[1] then\nreturn 1\nend\n"
    "if call('EXISTS',unpack(KEYS))>0 then\n"
    "return redis.error_reply('XKVTORN only a part of the store is there')\nend\n"
    "call('HSET',K[1],'',A[1])\ncall('SET',K[#KEYS],A[2]..' '..A[3])\nreturn 1\n",
    "1a39a0a9e44fa7b00e03be5f20ebe0722172f512"},
    [SCRIPT_MADE] = {
    TEXT_CALL TEXT_THERE
    "call('HDEL',K[2],'making')\nreturn 1\n",
    "6531450494a8561516f518fcb3d1df83f5117f37"},
};
