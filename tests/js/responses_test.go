package js_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What k6/http gives can be stored as JSON, as the types say.
func TestResponsesCanBeStored(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":7}`)
	}))
	defer server.Close()
	res := mustRun(t, `import http from "k6/http";`+imports+`
		const kv = openKv({backend: "memory"}), url = "`+server.URL+`";
		export default async function () {
			const response = http.get(url), stored = async (value) => { await kv.set("k", value); return kv.get("k"); };
			await row("body", () => stored(response.body));
			await row("json", () => stored(response.json()));
			await row("none", () => stored(http.get(url, {responseType: "none"}).body));
			await row("whole", async () => {
				const {status, body, url: from, json, request} = await stored(response);
				return [status, body, from === url, json, request.method];
			});
			await row("batch", async () => (await stored(http.batch([url, url]))).map(({body}) => body));
			await row("bytes", () => stored(http.get(url, {responseType: "binary"})));
		}`, options{})
	res.want("body", `"{\"id\":7}"`)
	res.want("json", `{"id":7}`)
	res.want("none", `null`)
	res.want("whole", `[200,"{\"id\":7}",true,undefined,"GET"]`)
	res.want("batch", `["{\"id\":7}","{\"id\":7}"]`)
	res.want("bytes", `!SerializerError|value.body|ArrayBuffer`)
}
