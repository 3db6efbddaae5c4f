/* scripts.h - made by scripts/lua.sh of scripts/ (the Lua files): change those, and make scripts */
/* clang-format off */

#define TEXT_CALL \
    "local call,K,A=redis.call,KEYS,ARGV\n"

#define TEXT_THERE \
    "if call('HGET',K[1],'')~=A[1] then\n" \
    "return redis.error_reply('XKVLOST the store is not there')\nend\n"

#define TEXT_CLAIM_ANY \
    TEXT_PICK \
    "if not key or redis.pcall('ZADD',K[3],'0',key)~=1 then\nkey=nil\n" \
    TEXT_CHOOSE \
    "if not key then\nreturn bound and {size} or {}\nend\ncall('ZADD',K[3],'0',key)\nend\n"

#define TEXT_EXPIRE_IF_ANY \
    "local any=call('ZCARD',K[3])>0\nif any then\n" \
    TEXT_MOMENT TEXT_EXPIRE \
    "end\n"

#define TEXT_STORE \
    "if call('HSET',K[1],key,value)==1 then\ncall('ZADD',K[2],'0',key)\nend\n"

#define TEXT_CHUNKS \
    "local function chunks(list,each)\nfor i=1,#list,2000 do\neach(i,math.min(i+1999,#list))\n" \
    "end\nend\n"

#define TEXT_UNBIND \
    "local space=string.find(held,' ',1,true)\nif space then\n" \
    "call('HDEL',K[6],string.sub(held,space+1))\nend\n"

#define TEXT_UNCLAIM \
    "local held=call('HGET',K[5],key)\nif held then\ncall('ZREM',K[3],key)\n" \
    "call('ZREM',K[4],key)\ncall('HDEL',K[5],key)\n" \
    TEXT_UNBIND \
    "end\n"

#define TEXT_UNCLAIM_MANY \
    "local function unclaim_many(keys)\nif call('ZCARD',K[3])==0 then\nreturn\nend\n" \
    "local bound=call('EXISTS',K[6])==1\nchunks(keys,function(i,j)\n" \
    "local all=bound and call('HMGET',K[5],unpack(keys,i,j)) or {}\n" \
    "call('ZREM',K[3],unpack(keys,i,j))\ncall('ZREM',K[4],unpack(keys,i,j))\n" \
    "call('HDEL',K[5],unpack(keys,i,j))\nfor n=1,#all do\nlocal held=all[n]\nif held then\n" \
    TEXT_UNBIND \
    "end\nend\nend)\nend\n"

#define TEXT_REMOVE_MANY \
    "local function remove_many(keys)\nlocal removed=0\nchunks(keys,function(i,j)\n" \
    "removed=removed+call('HDEL',K[1],unpack(keys,i,j))\ncall('ZREM',K[2],unpack(keys,i,j))\n" \
    "end)\nunclaim_many(keys)\nreturn removed\nend\n"

#define TEXT_MOMENT \
    "local now,micros=A[2]\nif now=='' then\nlocal time=call('TIME')\nlocal part=time[2]\n" \
    "if #part<6 then\npart=string.rep('0',6-#part)..part\nend\nmicros=time[1]..part\n" \
    "now=string.sub(micros,1,-4)\nelse\nmicros=now..'000'\nend\n"

#define TEXT_EXPIRE \
    "if call('ZCOUNT',K[4],'-inf',now)>0 then\n" \
    TEXT_CHUNKS TEXT_UNCLAIM_MANY \
    "repeat\nlocal due=call('ZRANGEBYSCORE',K[4],'-inf',now,'LIMIT','0','1000')\n" \
    "if #due==1000 and\ncall('ZCOUNT',K[4],'-inf',now)==call('ZCARD',K[4]) then\n" \
    "call('UNLINK',K[3],K[4],K[5],K[6])\nbreak\nend\nunclaim_many(due)\nuntil #due<1000\nend\n"

#define TEXT_SPAN \
    "local first,total=0\nif q=='+' then\ntotal=call('ZCARD',K[2])\nelse\n" \
    "first=call('ZLEXCOUNT',K[2],'-',p)\ntotal=call('ZLEXCOUNT',K[2],'-',q)-first\nend\n"

#define TEXT_CLAIMS \
    "local ahead,claimed=0,call('ZCARD',K[3])\nif claimed>0 and q~='+' then\n" \
    "ahead=call('ZLEXCOUNT',K[3],'-',p)\nclaimed=call('ZLEXCOUNT',K[3],'-',q)-ahead\nend\n"

#define TEXT_KEY_AT \
    "local function key_at(rank)\nrank=string.format('%d',rank)\n" \
    "return call('ZRANGE',K[2],rank,rank)[1]\nend\n"

#define TEXT_FREE_AT \
    "local function free_at(n,mid)\nlocal low,high=0,claimed\nwhile low<high do\n" \
    "mid=mid or math.floor((low+high) / 2)\nlocal rank=string.format('%d',ahead+mid)\n" \
    "local key=call('ZRANGE',K[3],rank,rank)[1]\nif call('ZRANK',K[2],key)-first-mid>n then\n" \
    "high=mid\nelse\nlow=mid+1\nend\nmid=nil\nend\nreturn key_at(first+n+low)\nend\n"

#define TEXT_RANDOM \
    "local s1,s2\nlocal function seed(a,b)\ns1=a%2147483562+1\ns2=b%2147483398+1\nend\n" \
    "local function draw()\ns1=40014*s1%2147483563\ns2=40692*s2%2147483399\n" \
    "return (s1-s2-1)%2147483562\nend\nlocal function below(n)\n" \
    "return (draw()*4194304+draw()%4194304)%n\nend\n"

#define TEXT_PICK \
    "if total>0 and not bound then\nlocal rank=string.format('%d',first+chance%total)\n" \
    "key=call('ZRANGE',K[2],rank,rank)[1]\nend\n"

#define TEXT_CHOOSE \
    TEXT_CLAIMS \
    "size=total-claimed\nif size>0 and (not bound or size<=bound+0) then\n" \
    TEXT_RANDOM \
    "seed(chance,math.floor(chance / 4194304))\nif not bound or below(bound+0)<size then\n" \
    "if size*4>=total then\n" \
    TEXT_KEY_AT \
    "repeat\nkey=key_at(first+below(total))\nuntil claimed==0 or not call('ZSCORE',K[3],key)\n" \
    "else\n" \
    TEXT_KEY_AT TEXT_FREE_AT \
    "key=free_at(below(size))\nend\nend\nend\n"

#define TEXT_NEXT_FREE \
    "local key\nif most then\nq='['..most\nend\n" \
    "key=call('ZRANGEBYLEX',K[2],'['..string.sub(p,2),q,'LIMIT','0','1')[1]\n" \
    "if key and call('HEXISTS',K[5],key)==1 then\n" \
    TEXT_SPAN TEXT_CLAIMS TEXT_KEY_AT TEXT_FREE_AT \
    "key=total>claimed and free_at(0,claimed-1) -- claims in order are those before it\nend\n"

#define TEXT_DISTINCT \
    "local function distinct(count,bound)\nlocal taken,numbers={},{}\n" \
    "for j=bound-count,bound-1 do\nlocal n=below(j+1)\nif taken[n] then\nn=j\nend\n" \
    "taken[n]=true\nnumbers[#numbers+1]=n\nend\nfor i=count,2,-1 do\nlocal j=below(i)+1\n" \
    "numbers[i],numbers[j]=numbers[j],numbers[i]\nend\nreturn numbers\nend\n"

#define TEXT_CHOOSE_MANY \
    "local function choose_many(count)\nlocal keys,size={},total-claimed\n" \
    "count=math.min(count,size)\nif claimed>0 and (size-count)*4>=total then\nlocal met={}\n" \
    "while #keys<count do\nlocal key=key_at(first+below(total))\n" \
    "if not met[key] and not call('ZSCORE',K[3],key) then\nmet[key]=true\nkeys[#keys+1]=key\n" \
    "end\nend\nreturn keys\nend\nfor i,n in ipairs(distinct(count,size)) do\n" \
    "keys[i]=claimed>0 and free_at(n) or key_at(first+n)\nend\nreturn keys\nend\n"

#define TEXT_DIGITS \
    "local function digits(number)\nreturn string.format('%.0f',number)\nend\n"

#define TEXT_TOKENS \
    "local function tokens(count)\n" \
    "local last,each=string.match(call('GET',K[7]) or '0','^(%d+) ?(%d*)$')\n" \
    "each=tonumber(each) or 1\nlocal first=math.max(last+each,micros+(last-micros)%each)\n" \
    "last=digits(first+(count-1)*each)\ncall('SET',K[7],each==1 and last or last..' '..each)\n" \
    "return first,each\nend\n"

#define TEXT_GRANT \
    "token,deadline=micros,string.format('%.0f',now+ttl)\nlocal last=call('GET',K[7])\n" \
    "if last and #last==#micros and last<micros then\ncall('SET',K[7],micros)\nelse\n" \
    TEXT_DIGITS TEXT_TOKENS \
    "token=digits((tokens(1)))\nend\ncall('ZADD',K[4],deadline,key)\n" \
    "call('HSET',K[5],key,field and token..' '..field or token)\nif field then\n" \
    "call('HSET',K[6],field,key)\nend\nvalue=call('HGET',K[1],key)\n"

#define TEXT_TELL_CLAIM \
    "if value and #value<65536 then\nreturn token..' '..deadline..' '..key..'\\255'..value\n" \
    "end\nreturn {token,deadline,key,value}\n"

#define TEXT_GRANT_MANY \
    "local function grant_many(keys,deadline)\nlocal values,told={},{}\n" \
    "local token,each=tokens(#keys)\nchunks(keys,function(i,j)\nlocal c,x,o={},{},{}\n" \
    "for n=i,j do\nlocal at,key=#c+1,keys[n]\ntold[n]=digits(token+(n-1)*each)\n" \
    "c[at],x[at],o[at]='0',deadline,key\nc[at+1],x[at+1],o[at+1]=key,key,told[n]\nend\n" \
    "call('ZADD',K[3],unpack(c))\ncall('ZADD',K[4],unpack(x))\ncall('HSET',K[5],unpack(o))\n" \
    "for n,v in ipairs(call('HMGET',K[1],unpack(keys,i,j))) do\nvalues[i+n-1]=v\nend\nend)\n" \
    "return values,told\nend\n"

#define TEXT_TAKE \
    "local value=call('HGET',K[1],key)\ncall('HDEL',K[1],key)\ncall('ZREM',K[2],key)\n"

#define TEXT_TELL_ENTRY \
    "if value and #value<65536 then\nreturn key..'\\255'..value\nend\nreturn {key,value}\n"

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

#define TEXT_DRAWN \
    TEXT_SPAN \
    "local key\nif total>0 and (not bound or total<=bound+0) then\n" \
    "local n=chance%(bound or total)\nif n<total then\nlocal rank=string.format('%d',first+n)\n" \
    "key=call('ZRANGE',K[2],rank,rank)[1]\nend\nend\n"

#define TEXT_INTEGER \
    "local function integer(value,json)\nif json then\n" \
    "local from,to=string.find(value,'[^ \\t\\r\\n]'),#value\n" \
    "while from and string.find(value,'^[ \\t\\r\\n]',to) do\nto=to-1\nend\n" \
    "value=from and string.sub(value,from,to) or ''\n" \
    "local quoted=string.match(value,'^\"(.*)\"$')\n" \
    "if not quoted and string.find(value,'^%-?0.') then\nreturn\nend\nvalue=quoted or value\n" \
    "end\nlocal sign=string.match(value,'^%-?')\nlocal all=string.sub(value,#sign+1)\n" \
    "if all=='' or string.find(all,'%D') then\nreturn\nend\n" \
    "local rest=string.sub(all,string.find(all,'[1-9]') or #all+1)\nif #rest>19 then\nreturn\n" \
    "end\nlocal most=sign=='' and '9223372036854775807' or '9223372036854775808'\n" \
    "if #rest==19 and rest>most then\nreturn\nend\nreturn rest=='' and '0' or sign..rest\nend\n"

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
    TEXT_CALL TEXT_THERE
    "local p,q,chance,ttl,bound=A[3],A[4],A[5],A[6],A[7]\n"
    "local key,size,field,token,deadline,value\n"
    TEXT_MOMENT TEXT_EXPIRE TEXT_SPAN TEXT_CLAIM_ANY TEXT_GRANT
    "if bound then\nreturn {size,token,deadline,key,value}\nend\n"
    TEXT_TELL_CLAIM,
    "20f2b814012ee70bffb921dac3dd6f75dd2792fd"},
    [SCRIPT_CLAIM_NEXT] = {
    TEXT_CALL TEXT_THERE
    "local p,q,ttl,most=A[3],A[4],A[5],A[6]\nlocal field,token,deadline,value\n"
    TEXT_MOMENT TEXT_EXPIRE TEXT_NEXT_FREE
    "if not key then\nreturn {}\nend\ncall('ZADD',K[3],'0',key)\n"
    TEXT_GRANT
    "if most then\nreturn {token,deadline,key,value}\nend\n"
    TEXT_TELL_CLAIM,
    "d89b77e0a9b7653c3a715cae2a5d2bbe4311b4ea"},
    [SCRIPT_CLAIM_FOR_OWNER] = {
    TEXT_CALL TEXT_THERE
    "local p,q,chance,ttl,bound=A[3],A[4],A[5],A[6],A[8]\n"
    "local field=#A[7]..':'..A[7]..string.sub(p,2)\n"
    TEXT_MOMENT TEXT_EXPIRE
    "local key,size,token,deadline,value=call('HGET',K[6],field),0\nif key then\n"
    "token=string.match(call('HGET',K[5],key),'^%d+')\n"
    "deadline=string.format('%.0f',call('ZSCORE',K[4],key))\nvalue=call('HGET',K[1],key)\n"
    "else\n"
    TEXT_SPAN TEXT_CLAIM_ANY TEXT_GRANT
    "end\nif bound then\nreturn {size,token,deadline,key,value}\nend\n"
    TEXT_TELL_CLAIM,
    "e7545f362b17f62516fc4042ac9ad037ada07136"},
    [SCRIPT_CLAIM_KEY] = {
    TEXT_CALL TEXT_THERE
    "local ttl,key,field,token,deadline,value=A[3],A[4]\n"
    TEXT_MOMENT TEXT_EXPIRE
    "if call('HEXISTS',K[1],key)==0 or call('HEXISTS',K[5],key)==1 then\nreturn {}\nend\n"
    "call('ZADD',K[3],'0',key)\n"
    TEXT_GRANT TEXT_TELL_CLAIM,
    "397c62bffa81a165e636368114d55177a3188567"},
    [SCRIPT_CLAIM_RANDOM_MANY] = {
    TEXT_CALL TEXT_THERE
    "local p,q,out=A[3],A[4],{}\n"
    TEXT_MOMENT TEXT_EXPIRE TEXT_SPAN TEXT_CLAIMS
    "if total==claimed then\nreturn out\nend\n"
    TEXT_RANDOM TEXT_DISTINCT TEXT_KEY_AT TEXT_FREE_AT TEXT_CHOOSE_MANY TEXT_DIGITS TEXT_TOKENS
    TEXT_CHUNKS TEXT_GRANT_MANY
    "seed(A[5],A[6])\nlocal keys,deadline=choose_many(A[8]+0),digits(now+A[7])\n"
    "local values,granted=grant_many(keys,deadline)\nfor i,key in ipairs(keys) do\n"
    "out[4*i-3]=granted[i]\nout[4*i-2]=deadline\nout[4*i-1]=key\nout[4*i]=values[i]\nend\n"
    "return out\n",
    "d2ee519d3636c7a693690167203a8ffd9e1c54d7"},
    [SCRIPT_CLAIM_KEYS] = {
    TEXT_CALL TEXT_THERE
    "local out,free,places={},{},{}\n"
    TEXT_MOMENT TEXT_EXPIRE
    "for i=5,#ARGV do\nif call('HEXISTS',K[1],A[i])==0 then\nout[i-4]='missing'\n"
    "elseif call('HEXISTS',K[5],A[i])==1 then\nout[i-4]='busy'\nelse\nout[i-4]=false\n"
    "free[#free+1]=A[i]\nplaces[#free]=i-4\nend\nif A[4]=='1' and out[i-4] then\n"
    "for j=i+1,#ARGV do\nout[j-4]=false\nend\nreturn out\nend\nend\nif #free==0 then\n"
    "return out\nend\n"
    TEXT_DIGITS TEXT_TOKENS TEXT_CHUNKS TEXT_GRANT_MANY
    "local deadline=digits(now+A[3])\nlocal values,granted=grant_many(free,deadline)\n"
    "for n,place in ipairs(places) do\nout[place]={granted[n],deadline,values[n]}\nend\n"
    "return out\n",
    "b845487ed5e43b7102604850ad7e04d3f7ceafec"},
    [SCRIPT_SETTLE] = {
    TEXT_CALL TEXT_THERE
    "local done,removed={},{}\n"
    TEXT_MOMENT TEXT_EXPIRE
    "for i=5,#ARGV,2 do\nlocal key,token=A[i],A[i+1]\nlocal held=call('HGET',K[5],key)\n"
    "local ok=held and (held==token or string.sub(held,1,#token+1)==token..' ')\n"
    "done[#done+1]=ok and '1' or '0'\nif ok and A[3]=='n' then\n"
    "call('ZADD',K[4],string.format('%.0f',now+A[4]),key)\nelseif ok then\n"
    "call('ZREM',K[3],key)\ncall('ZREM',K[4],key)\ncall('HDEL',K[5],key)\nif held~=token then\n"
    TEXT_UNBIND
    "end\nremoved[#removed+1]=key\nend\nend\nif A[3]=='c' and #removed==1 then\n"
    "call('HDEL',K[1],removed[1])\ncall('ZREM',K[2],removed[1])\nelseif A[3]=='c' then\n"
    TEXT_CHUNKS TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "remove_many(removed)\nend\nreturn table.concat(done)\n",
    "a1ec9f4b5b6633beafffc909d81dcbde681b7072"},
    [SCRIPT_POP_RANDOM] = {
    TEXT_CALL TEXT_THERE
    "local p,q,chance,bound,key,size=A[3],A[4],A[5],A[6]\n"
    TEXT_EXPIRE_IF_ANY TEXT_SPAN TEXT_PICK
    "if not key or any and call('HEXISTS',K[5],key)==1 then\nkey=nil\n"
    TEXT_CHOOSE
    "if not key then\nreturn bound and {size} or {}\nend\nend\n"
    TEXT_TAKE
    "if bound then\nreturn {size,key,value}\nend\n"
    TEXT_TELL_ENTRY,
    "ad4ffb9a8d97d85ceabf6670cc8d00b4cca4e011"},
    [SCRIPT_POP_NEXT] = {
    TEXT_CALL TEXT_THERE
    "local p,q,most=A[3],A[4],A[5]~='' and A[5]\n"
    TEXT_EXPIRE_IF_ANY TEXT_NEXT_FREE
    "if not key then\nreturn {}\nend\nif A[5]=='' then\nreturn {key}\nend\n"
    TEXT_TAKE
    "if most then\nreturn {key,value}\nend\n"
    TEXT_TELL_ENTRY,
    "6970e8596082384ddfcd1f1247db0017a5270295"},
    [SCRIPT_POP_RANDOM_MANY] = {
    TEXT_CALL TEXT_THERE
    "local p,q,out=A[3],A[4],{}\n"
    TEXT_EXPIRE_IF_ANY TEXT_SPAN TEXT_CLAIMS
    "if total==claimed then\nreturn out\nend\n"
    TEXT_RANDOM TEXT_DISTINCT TEXT_KEY_AT TEXT_FREE_AT TEXT_CHOOSE_MANY TEXT_CHUNKS
    TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "seed(A[5],A[6])\nlocal keys=choose_many(A[7]+0)\nchunks(keys,function(i,j)\n"
    "local values=call('HMGET',K[1],unpack(keys,i,j))\nfor n=i,j do\nout[2*n-1]=keys[n]\n"
    "out[2*n]=values[n-i+1]\nend\nend)\nremove_many(keys)\nreturn out\n",
    "a1c3f9d1f1e58b7da64f0582751ea2ceef3ba334"},
    [SCRIPT_STATS] = {
    TEXT_CALL TEXT_THERE
    "local p,q,expired=A[3],A[4]~='' and A[4] or '+',0\n"
    TEXT_MOMENT TEXT_SPAN TEXT_CLAIMS
    "if claimed>0 and q=='+' then\nexpired=call('ZCOUNT',K[4],'-inf',now)\n"
    "elseif claimed>0 then\nlocal prefix=string.sub(p,2)\n"
    "for _,key in ipairs(call('ZRANGEBYSCORE',K[4],'-inf',now)) do\n"
    "if string.sub(key,1,#prefix)==prefix then\nexpired=expired+1\nend\nend\nend\n"
    "return {total,claimed,expired,call('HLEN',K[1])-1,call('ZCARD',K[2])}\n",
    "7832d14a3df54379a2fea3b95ad365f745b123f9"},
    [SCRIPT_SIZE] = {
    TEXT_CALL TEXT_THERE
    "return call('HLEN',K[1])-1\n",
    "ee770b24ceae2a20d36a6a214b8a1ddaa654230c"},
    [SCRIPT_CLEAR] = {
    TEXT_CALL TEXT_THERE
    "call('UNLINK',unpack(KEYS))\ncall('HSET',K[1],'',A[1])\nreturn 1\n",
    "e13d51466f543f654c63f24d1ec2ba58bf8bd7e4"},
    [SCRIPT_COUNT] = {
    TEXT_CALL TEXT_THERE
    "local p,q=A[2],A[3]\n"
    TEXT_SPAN
    "return total\n",
    "5ad09ff5c432d2a216edc08b3b939ea117808c05"},
    [SCRIPT_LIST] = {
    TEXT_CALL TEXT_THERE
    TEXT_CHUNKS
    "local keys=call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT','0',A[4])\nlocal out={}\n"
    "chunks(keys,function(i,j)\nlocal values=call('HMGET',K[1],unpack(keys,i,j))\n"
    "for n=i,j do\nout[2*n-1]=keys[n]\nout[2*n]=values[n-i+1]\nend\nend)\nreturn out\n",
    "dd0ebd65c5d074b3d69e1376b6ff8e4138e17a69"},
    [SCRIPT_LIST_KEYS] = {
    TEXT_CALL TEXT_THERE
    "return call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT','0',A[4])\n",
    "c5f28a0614b9f274b229842c88d236dcd30ac924"},
    [SCRIPT_SET_MANY] = {
    TEXT_CALL TEXT_THERE
    "local added,members=0,{}\nfor i=2,#ARGV,4000 do\n"
    "added=added+call('HSET',K[1],unpack(ARGV,i,math.min(i+3999,#ARGV)))\nend\n"
    "for i=2,added>0 and #ARGV or 0,2 do\nmembers[#members+1]='0'\nmembers[#members+1]=A[i]\n"
    "if #members==4000 or i==#ARGV-1 then\ncall('ZADD',K[2],unpack(members))\nmembers={}\nend\n"
    "end\nreturn (#ARGV-1) / 2\n",
    "275bb66cf407c5aa4ac4d0e1fc02433aae72171f"},
    [SCRIPT_DELETE_MANY] = {
    TEXT_CALL TEXT_THERE
    TEXT_CHUNKS TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "local keys={}\nfor i=2,#ARGV do\nkeys[i-1]=A[i]\nend\nreturn remove_many(keys)\n",
    "aed096b1e0f7d4753d979b1f6ea84dacf3211cef"},
    [SCRIPT_DELETE_BY_PREFIX] = {
    TEXT_CALL TEXT_THERE
    TEXT_CHUNKS TEXT_UNCLAIM_MANY TEXT_REMOVE_MANY
    "local keys=call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT','0',A[4])\nremove_many(keys)\n"
    "return {#keys,#call('ZRANGEBYLEX',K[2],A[2],A[3],'LIMIT','0','1')}\n",
    "949c04ff61564f255ff761bb559f5848ae8caf21"},
    [SCRIPT_REBUILD] = {
    TEXT_CALL TEXT_THERE
    TEXT_CHUNKS TEXT_UNCLAIM_MANY
    "if call('HLEN',K[1])-1==call('ZCARD',K[2]) then\nreturn 0\nend\n"
    "local keys,gone=call('HKEYS',K[1]),{}\ncall('UNLINK',K[2])\nfor i=1,#keys,2000 do\n"
    "local members={}\nfor j=i,math.min(i+1999,#keys) do\nif keys[j]~='' then\n"
    "members[#members+1]='0'\nmembers[#members+1]=keys[j]\nend\nend\nif #members>0 then\n"
    "call('ZADD',K[2],unpack(members))\nend\nend\n"
    "for _,key in ipairs(call('ZRANGE',K[3],'0','-1')) do\n"
    "if call('HEXISTS',K[1],key)==0 then\ngone[#gone+1]=key\nend\nend\nunclaim_many(gone)\n"
    "return 1\n",
    "528b2088596f1b72f0265d69030fc74d888cd06c"},
    [SCRIPT_NEXT_CIRCULAR] = {
    TEXT_CALL TEXT_THERE
    "local function first(low)\nreturn call('ZRANGEBYLEX',K[2],low,A[4],'LIMIT','0','1')[1]\n"
    "end\nlocal last=call('HGET',K[3],A[2])\n"
    "local key=last and first('('..last) or first(A[3])\nif not key then\nreturn {}\nend\n"
    "call('HSET',K[3],A[2],key)\nreturn {key,call('HGET',K[1],key)}\n",
    "ad7291dc29fd5e18790b5c6c7070b7afd8bf7e5e"},
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
    TEXT_CALL TEXT_THERE
    TEXT_MEANING TEXT_QUOTED
    "local function first(low)\nreturn call('ZRANGEBYLEX',K[2],low,A[5],'LIMIT','0','1')[1]\n"
    "end\nlocal value=call('HGET',K[1],A[2])\nlocal last=value and meaning(value,A[7])\n"
    "if value and not last then\nreturn 1\nend\nlocal key=first(last and '('..last or A[4])\n"
    "if key and last and string.sub(key,1,#A[3])~=A[3] then\nkey=first(A[4])\nend\n"
    "if not key and A[6]=='1' then\nkey=first(A[4])\nend\nif not key then\nreturn {}\nend\n"
    "value=call('HGET',K[1],key)\ndo\nlocal key,value=A[2],quoted(key,A[7])\n"
    TEXT_STORE
    "end\n"
    TEXT_TELL_ENTRY,
    "88e065b05296b9be31a6a292820aa277c9f1e252"},
    [SCRIPT_LOOK_POSITION] = {
    TEXT_CALL TEXT_THERE
    "return call('HGET',K[1],A[2])\n",
    "4f04bcb5a506206d5350d70543011ddbecf89c51"},
    [SCRIPT_TAKE_POSITION] = {
    TEXT_CALL TEXT_THERE
    "if (call('HGET',K[1],A[2]) or nil)~=A[4] then\nreturn 0\nend\nlocal key,value=A[2],A[3]\n"
    TEXT_STORE
    "return 1\n",
    "402451022aa31ecfc8798e5a9ad1634054741e94"},
    [SCRIPT_RANDOM_KEY] = {
    TEXT_CALL TEXT_THERE
    "local p,q,chance,bound=A[2],A[3],A[4],A[5]\n"
    TEXT_DRAWN
    "if key and not bound then\nreturn string.format('%d',total)..' '..key\nend\n"
    "return {total,key}\n",
    "7d9ff3d632eb822aa4b335de266ac0556ac3401e"},
    [SCRIPT_RANDOM_ENTRY] = {
    TEXT_CALL TEXT_THERE
    "local p,q,chance,bound=A[2],A[3],A[4],A[5]\n"
    TEXT_DRAWN
    "if not key then\nreturn bound and {total} or {}\nend\nlocal value=call('HGET',K[1],key)\n"
    "if bound then\nreturn {total,key,value}\nend\n"
    TEXT_TELL_ENTRY,
    "f0c3bd003ebdcf1d902439f8b5e725075a36d284"},
    [SCRIPT_RANDOM_KEYS] = {
    TEXT_CALL TEXT_THERE
    "local p,q,keys,numbers=A[2],A[3],{},{}\n"
    TEXT_SPAN
    "if total==0 then\nreturn keys\nend\n"
    TEXT_RANDOM TEXT_DISTINCT TEXT_KEY_AT
    "local count=A[6]+0\nseed(A[4],A[5])\nif A[7]=='0' then\n"
    "numbers=distinct(math.min(count,total),total)\nelse\nfor i=1,count do\n"
    "numbers[i]=below(total)\nend\nend\nfor i,n in ipairs(numbers) do\n"
    "keys[i]=key_at(first+n)\nend\nreturn keys\n",
    "9730a7a771d4df853e3dba4e565ba305b92c9ffc"},
    [SCRIPT_EXISTS] = {
    TEXT_CALL TEXT_THERE
    "return call('HEXISTS',K[1],A[2])\n",
    "d062609cc2fefb05a66782be21ed293151fa6d8c"},
    [SCRIPT_SET] = {
    TEXT_CALL TEXT_THERE
    "if call('HSET',K[1],unpack(ARGV,2))>0 then\nfor i=2,#ARGV,2 do\n"
    "call('ZADD',K[2],'0',A[i])\nend\nend\nreturn 1\n",
    "933f066ec1373c2d21eb72be99598ca51e70ae24"},
    [SCRIPT_SET_IF_ABSENT] = {
    TEXT_CALL TEXT_THERE
    "if call('HSETNX',K[1],A[2],A[3])==0 then\nreturn 0\nend\ncall('ZADD',K[2],'0',A[2])\n"
    "return 1\n",
    "d25c56e85a54c30490b9d4b4354d922d8d7fbf52"},
    [SCRIPT_GET_OR_SET] = {
    TEXT_CALL TEXT_THERE
    "local key,value=A[2],A[3]\nlocal there=call('HGET',K[1],key)\nif not there then\n"
    TEXT_STORE
    "end\nreturn there\n",
    "19f32373d4b462123b51eb7a4d2680bc67e96c80"},
    [SCRIPT_SWAP] = {
    TEXT_CALL TEXT_THERE
    "local key,value=A[2],A[3]\nlocal there=call('HGET',K[1],key)\n"
    TEXT_STORE
    "return there\n",
    "df9f0936b8b11c2a42562c5b68b80abe162e8467"},
    [SCRIPT_DELETE] = {
    TEXT_CALL TEXT_THERE
    "local key=A[2]\nif call('HDEL',K[1],key)==0 then\nreturn 0\nend\ncall('ZREM',K[2],key)\n"
    TEXT_UNCLAIM
    "return 1\n",
    "e8e574ab401870754b2b3946f0f41cef98043a98"},
    [SCRIPT_INCREMENT_BY] = {
    TEXT_CALL TEXT_THERE
    "local key,delta=A[2],A[3]\nlocal sum=redis.pcall('HINCRBY',K[1],key,delta)\n"
    "if type(sum)~='number' then\n"
    TEXT_INTEGER
    "local value=call('HGET',K[1],key)\nlocal number=value and integer(value,A[4]=='1')\n"
    "if value and not number then\nreturn {1}\nend\nif number~=value then\n"
    "call('HSET',K[1],key,number)\nend\nsum=redis.pcall('HINCRBY',K[1],key,delta)\n"
    "if type(sum)~='number' then\nif number~=value then\ncall('HSET',K[1],key,value)\nend\n"
    "return string.find(sum.err,'overflow') and {2} or sum\nend\nend\nif sum==delta+0 then\n"
    "call('ZADD',K[2],'0',key) -- it may be a new key\nend\n"
    "if sum>-9007199254740992 and sum<9007199254740992 then\nreturn sum\nend\n"
    "return call('HGET',K[1],key)\n",
    "f645f583600ec518848bb03dea9eda9395ad17a1"},
    [SCRIPT_COMPARE] = {
    TEXT_CALL TEXT_THERE
    "local key,expect,value=A[2],A[3],A[6]\nlocal there,same=call('HGET',K[1],key)\n"
    "if there then\nsame=expect~='1' and there==A[4]\nelse\nsame=expect~='0' and value\nend\n"
    "if not same then\nreturn there and A[5]=='0' and 0 or there\nend\nif value then\n"
    TEXT_STORE
    "else\ncall('HDEL',K[1],key)\ncall('ZREM',K[2],key)\n"
    TEXT_UNCLAIM
    "end\nreturn 1\n",
    "5fd522f8b4030a1e2cd4c70a990e0ab2b92262fb"},
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
