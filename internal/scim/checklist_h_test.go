package scim_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing/iotest"
	"time"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// dial opens a connection of its own to the server. Its deadline is only for a server that
// never answers.
func (c *client) dial() net.Conn {
	c.Helper()
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(c.base, "http://"), "/scim/v2"))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		c.Fatal(err)
	}
	return conn
}

// request is one that a test may still change.
func (c *client) request(method, path string, body io.Reader) *http.Request {
	c.Helper()
	r, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.w.Token)
	return r
}

// unauthorized wants 401 with a challenge that has, or has not, an error code.
func (r reply) unauthorized(code string) {
	r.c.Helper()
	got := r.refused(401, "").header.Get("WWW-Authenticate")
	if !strings.HasPrefix(got, "Bearer realm=") || strings.Contains(got, "error=") != (code != "") || !strings.Contains(got, code) {
		r.c.Errorf("%s: WWW-Authenticate %q", r.what, got)
	}
}

var httpRows = []row{
	{"H-01 application/scim+json", func(c *client) {
		u := c.user("ann", "")
		for _, accept := range []string{"", "*/*", "application/*"} {
			for _, path := range []string{u.path, "/Users?count=1", config} {
				if got := c.get(path, "Accept: "+accept).is(200).header.Values("Content-Type"); len(got) != 1 || got[0] != "application/scim+json" {
					c.Errorf("%s with Accept %q: %q", path, accept, got)
				}
			}
		}
	}},
	{"H-02 Accept application/json", func(c *client) { c.get("/Users?count=1", "Accept: application/json").is(200) }},
	{"H-03 Accept with parameters", func(c *client) {
		for _, accept := range []string{"application/scim+json", "application/scim+json;q=0.5, */*;q=0.1", "application/scim+json; charset=utf-8"} {
			c.get("/Users?count=1", "Accept: "+accept).is(200)
		}
	}},
	{"H-04 Accept that excludes JSON", func(c *client) { c.get("/Users?count=1", "Accept: text/html").is(200) }},
	{"H-05 bodies of JSON", func(c *client) {
		for i, kind := range []string{"application/scim+json", "application/json", "application/scim+json; charset=utf-8", `application/json;charset="UTF-8"`, "APPLICATION/JSON; Charset=utf8"} {
			c.post("/Users", c.userBody(fmt.Sprint("u", i), ""), "Content-Type: "+kind).is(201)
		}
	}},
	{"H-06 bodies of another type", func(c *client) {
		u := c.user("ann", "")
		for _, kind := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded"} {
			c.post("/Users", c.userBody("bob", ""), "Content-Type: "+kind).refused(415, "")
			c.unchanged(u, "PUT", u.path, c.userBody("ann", `"title":"T"`), 415, "", "Content-Type: "+kind)
		}
		c.post("/Users", c.userBody("bob", ""), "Content-Type: ").is(201)
	}},
	{"H-07 other charsets", func(c *client) {
		c.post("/Users", c.userBody("bob", ""), "Content-Type: application/json; charset=iso-8859-1").refused(415, "")
	}},
	{"H-08 a wrong method", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		for path, methods := range map[string][]string{"/Users": {"GET", "POST"}, "/Groups": {"GET", "POST"}, u.path: {"GET", "PUT", "PATCH", "DELETE"}, g.path: {"GET", "PUT", "PATCH", "DELETE"}, config: {"GET"}} {
			allow := c.do("BREW", path, "").refused(405, "").header.Get("Allow")
			for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
				want := strings.Contains(strings.Join(methods, " ")+" HEAD", m)
				if regexp.MustCompile(`\b`+m+`\b`).MatchString(allow) != want {
					c.Errorf("%s: Allow %q", path, allow)
				}
			}
		}
	}},
	{"H-09 an unknown URL", func(c *client) {
		for _, path := range []string{"/Nope", "/users", "/Users/a/b", "/Schemas/a/b"} {
			c.get(path).refused(404, "")
		}
	}},
	{"H-10 HEAD", func(c *client) {
		u := c.user("ann", "")
		for _, path := range []string{u.path, scim.Filtered("/Users", `id eq "`+u.id+`"`), "/Schemas", config, types + "/User", "/Users/nobody"} {
			get, head := c.get(path), c.do("HEAD", path, "")
			if head.status != get.status || head.text != "" || head.header.Get("ETag") != get.header.Get("ETag") || head.header.Get("Content-Length") != fmt.Sprint(len(get.text)) {
				c.Errorf("%s: HEAD %d %v, GET %d with %d bytes", path, head.status, head.header, get.status, len(get.text))
			}
		}
	}},
	{"H-11 OPTIONS", func(c *client) {
		for _, path := range []string{"/Users", c.user("ann", "").path, config} {
			r := c.do("OPTIONS", path, "", "Origin: https://evil.test", "Access-Control-Request-Method: GET").is(204)
			if !strings.Contains(r.header.Get("Allow"), "GET") {
				c.Errorf("Allow %q", r.header.Get("Allow"))
			}
			for name := range r.header {
				if strings.HasPrefix(name, "Access-Control") {
					c.Errorf("%s is there", name)
				}
			}
		}
	}},
	{"H-12 a body over the limit", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits.Body = 1000 })
		u := c.user("ann", "")
		c.unchanged(u, "PUT", u.path, c.userBody("ann", `"title":"`+strings.Repeat("x", 1000)+`"`), 413, "").says("1000")
		// Chunked, without a length and without an end.
		endless := iotest.DataErrReader(io.MultiReader(strings.NewReader(`{"a":"`), neverEnding{}))
		c.send(c.request("POST", "/Users", endless)).refused(413, "").says("1000")
		// Refused by its length, before the body comes.
		conn := c.dial()
		fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1001\r\n\r\n", c.w.Token)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			c.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != 413 || !answer.Close {
			c.Errorf("status %d, connection kept: %t", answer.StatusCode, !answer.Close)
		}
	}},
	{"H-13 deep JSON, long texts", func(c *client) {
		long, longest := strings.Repeat("x", 1001), strings.Repeat("y", 1000)
		for _, more := range []string{`"externalId":"` + long + `"`, `"displayName":"` + long + `"`, `"displayName":"` + strings.Repeat("ŉ", 400) + `"`, // 1,200 bytes folded
			`"emails":[{"value":"a@x.test"},{"value":"` + long + `"}]`} {
			c.post("/Users", c.userBody("long", more)).refused(400, "invalidValue").says("at most 1000")
		}
		c.post("/Users", c.userBody(long, "")).refused(400, "invalidValue").says("userName")
		c.post("/Groups", c.groupBody(long)).refused(400, "invalidValue").says("displayName")
		u, g := c.user("ann", `"displayName":"Ann"`), c.group("G")
		for _, attribute := range []string{"displayName", "externalId"} {
			op := func(text string) string { return fmt.Sprintf(`{"op":"replace","path":%q,"value":%q}`, attribute, text) }
			c.patchFails(u, 400, "invalidValue", op(long))
			c.patchFails(g, 400, "invalidValue", op(long))
			c.patch(u.path, op(longest)).is(200)
			c.patch(g.path, op(longest)).is(204)
			c.finds("/Users", fmt.Sprintf("%s eq %q", attribute, longest), u)
			c.finds("/Groups", fmt.Sprintf("%s eq %q", attribute, longest), g)
			c.finds("/Users", fmt.Sprintf("%s eq %q", attribute, long))
		}
		c.patchFails(u, 400, "invalidValue", fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, long))
		c.patch(u.path, fmt.Sprintf(`{"op":"replace","path":"title","value":%q}`, strings.Repeat(long, 10))).is(200)
		for _, deep := range []string{strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), strings.Repeat(`[`, 10_000) + strings.Repeat("]", 10_000), `{"a":` + strings.Repeat(`[`, 10_000)} {
			c.post("/Users", deep).refused(400, "invalidSyntax")
			c.post("/Users/.search", deep).refused(400, "invalidSyntax")
		}
	}},
	{"H-14 no credentials", func(c *client) { c.get("/Users", "Authorization: ").unauthorized("") }},
	{"H-15 wrong, expired and revoked tokens", func(c *client) {
		revoked, err := auth.Create(c.Context(), c.w.Store, bridgetest.Tenant, "h15-revoked", 0)
		if err != nil {
			c.Fatal(err)
		}
		if err := auth.Revoke(c.Context(), c.w.Store, bridgetest.Tenant, "h15-revoked"); err != nil {
			c.Fatal(err)
		}
		expired, err := auth.Create(c.Context(), c.w.Store, bridgetest.Tenant, "h15-expired", time.Nanosecond)
		if err != nil {
			c.Fatal(err)
		}
		for _, token := range []string{"wrong", auth.New(), revoked, expired} {
			c.get("/Users", "Authorization: Bearer "+token).unauthorized(`error="invalid_token"`)
		}
	}},
	{"H-17 malformed and doubled credentials", func(c *client) {
		twice := c.request("GET", "/Users", nil)
		twice.Header.Add("Authorization", "Bearer "+c.w.Token)
		for _, r := range []reply{
			c.get("/Users", "Authorization: Bearer"), c.get("/Users", "Authorization: non-token"), c.get("/Users", "Authorization: Basic "+c.w.Token),
			c.get("/Users?access_token=" + c.w.Token), c.send(twice),
		} {
			if r.status != 400 { // invalid_request, or
				r.is(401)
			}
			r.refused(r.status, "")
		}
	}},
	{"H-18 tokens in the query", func(c *client) {
		c.get("/Users?access_token="+c.w.Token, "Authorization: ").refused(401, "")
		if strings.Contains(c.w.Logged(), c.w.Token) {
			c.Error("the token is in the log")
		}
	}},
	{"H-19 the scheme ignores case", func(c *client) {
		for _, scheme := range []string{"bearer", "BEARER", "Bearer"} {
			c.get("/Users?count=1", "Authorization: "+scheme+" "+c.w.Token).is(200)
		}
	}},
	{"H-20 nothing is done before authentication", func(c *client) {
		u := c.user("ann", "")
		var first reply
		for i, r := range []reply{
			c.get(u.path, "Authorization: Bearer x"), c.get("/Users/nobody", "Authorization: Bearer x"), c.put(u.path, "{", "Authorization: Bearer x", "Content-Type: text/plain"),
			c.get("/Nope", "Authorization: Bearer x"), c.get("/Users?count=x&filter=(", "Authorization: Bearer x"),
		} {
			if r.unauthorized(`error="invalid_token"`); i == 0 {
				first = r
			}
			r.same(first)
		}
	}},
	{"H-22 no secrets in logs and errors", func(c *client) {
		place := enginetest.NewPlace(c.T)
		c = c.fresh(bridgetest.Options{Place: place})
		const canary = "canary-of-h22"
		u := c.user("ann", `"password":"`+canary+`"`)
		all := ""
		for _, r := range []reply{
			c.put(u.path, c.userBody("ann", `"password":"`+canary+`"`)), c.patch(u.path, bare("replace", `{"password":"`+canary+`"}`)), c.patch(u.path, op("add", "password", `"`+canary+`"`)),
			c.put(u.path, c.userBody("ann", `"password":{"x":"`+canary+`"}`)), c.patch(u.path, op("replace", "password", `["`+canary+`"]`)), c.post("/Users", c.userBody("bob", `"active":1,"password":"`+canary+`"`)),
			c.get(u.path, "Authorization: Bearer "+canary), c.get("/Users?access_token=" + canary), c.get("/Users/.search", "Authorization: Basic "+canary),
		} {
			all += r.text
		}
		all += place.Content() + c.w.Logged()
		for _, secret := range []string{canary, c.w.Token} {
			if before, after, told := strings.Cut(all, secret); told {
				c.Errorf("%s is told: %q", secret, before[max(0, len(before)-200):]+secret+after[:min(len(after), 100)])
			}
		}
	}},
	{"H-23 Cache-Control", func(c *client) {
		for _, path := range []string{c.user("ann", "").path, "/Users?count=1", "/Groups?count=1", "/Users/nobody"} {
			if got := c.get(path).header.Get("Cache-Control"); got != "no-store" {
				c.Errorf("%s: %q", path, got)
			}
		}
	}},
	{"H-24 slow and stuck clients", func(c *client) {
		// 20 uploads stall; the others are served. The time-outs that end them are the listener's (cmd/scimbridge).
		for range 20 {
			fmt.Fprintf(c.dial(), "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", c.w.Token)
		}
		u := c.user("ann", "")
		c.patch(u.path, op("add", "title", `"T"`)).is(200)
	}},
	{"H-25 an error leaves the connection right", func(c *client) {
		conn := c.dial()
		answers := bufio.NewReader(conn)
		for i, tt := range []struct {
			method, path, kind string
			status             int
		}{
			{"POST", "/Users", "text/plain", 415}, {"PUT", "/Users/nobody", "application/json", 404}, {"POST", "/Me", "application/json", 501}, {"POST", "/Users", "application/json", 201},
		} {
			body := c.userBody("ann", "")
			fmt.Fprintf(conn, "%s /scim/v2%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", tt.method, tt.path, c.w.Token, tt.kind, len(body), body)
			answer, err := http.ReadResponse(answers, &http.Request{Method: tt.method})
			if err != nil {
				c.Fatal(i, err)
			}
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != tt.status {
				c.Errorf("%s %s: %d, %v", tt.method, tt.path, answer.StatusCode, err)
			}
		}
		// And over HTTP/2.
		handler, err := scim.New(scim.Options{Directory: scim.Over(c.w.Directory), Authenticate: c.w.Authenticate, CursorKey: c.w.CursorKey, Log: c.w.Log})
		if err != nil {
			c.Fatal(err)
		}
		two := httptest.NewUnstartedServer(handler)
		two.EnableHTTP2 = true
		two.StartTLS()
		defer two.Close()
		for path, status := range map[string]int{"/Users?count=1": 200, "/Users/nobody": 404} {
			r := c.request("GET", path, nil)
			r.URL.Scheme, r.URL.Host = "https", strings.TrimPrefix(two.URL, "https://")
			answer, err := two.Client().Do(r)
			if err != nil {
				c.Fatal(err)
			}
			if answer.Body.Close(); answer.ProtoMajor != 2 || answer.StatusCode != status {
				c.Errorf("%s: %s %d", path, answer.Proto, answer.StatusCode)
			}
		}
	}},
	{"H-26 content encoding", func(c *client) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := io.WriteString(w, c.userBody("ann", "")); err != nil {
			c.Fatal(err)
		}
		w.Close()
		c.post("/Users", zipped.String(), "Content-Encoding: gzip").refused(415, "")
		if got := c.get("/Users?count=1", "Accept-Encoding: identity").is(200).header.Get("Content-Encoding"); got != "" {
			c.Errorf("Content-Encoding %q", got)
		}
	}},
	{"H-27 method override", func(c *client) {
		u := c.user("ann", "")
		c.get(u.path, "X-HTTP-Method-Override: DELETE").is(200)
		c.post("/Users", c.userBody("bob", ""), "X-HTTP-Method-Override: DELETE").is(201)
		c.get(u.path).is(200)
	}},
	{"H-28 forwarded headers", func(c *client) { // no peer is trusted
		u := c.user("ann", "")
		c.get(u.path, "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /evil", "Forwarded: host=evil.test;proto=https").is(200).wants(c.base+u.path, "meta", "location")
	}},
	{"H-29 request id", func(c *client) {
		if got := c.get("/Users?count=0", "X-Request-Id: h29-abc").header.Get("X-Request-Id"); got != "h29-abc" {
			c.Errorf("X-Request-Id %q", got)
		}
		if !strings.Contains(c.w.Logged(), "request=h29-abc") {
			c.Error("the log does not have it")
		}
		given := c.get("/Users/nobody").header.Get("X-Request-Id")
		if given == "" || !strings.Contains(c.w.Logged(), "request="+given) {
			c.Errorf("X-Request-Id %q", given)
		}
	}},
	{"H-30 the .scim suffix", func(c *client) {
		c.get(c.user("ann", "").path+".scim").refused(404, "")
		c.get("/Users.scim").refused(404, "")
	}},
	{"H-31 anything but 500", func(c *client) {
		u := c.user("ann", "")
		random := rand.New(rand.NewPCG(31, 1))
		pieces := []string{"Users", "Groups", "Schemas", ".search", "Bulk", "Me", u.id, "%2F", "//", ".", "..", "%00", "?", "&", "=", "filter", "count", "%25", "attributes", ";", "%C3%A9", "[", "]", "urn:x", ":", "*", "~"}
		methods := []string{"GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "X-Y"}
		headers := []string{"If-Match", "If-None-Match", "Accept", "Content-Type", "Range", "Expect", "Prefer", "X-Request-Id"}
		values := []string{"*", `W/"1"`, ",,;=", "bytes=0-1", "\t x", strings.Repeat("y", 3000), `"`, "text/"}
		for range 1000 {
			path := "/"
			for range random.IntN(5) {
				path += pieces[random.IntN(len(pieces))] + []string{"", "/"}[random.IntN(2)]
			}
			r, err := http.NewRequest(methods[random.IntN(len(methods))], c.base+path, strings.NewReader(`{"a":1}`))
			if err != nil {
				continue // no client sends it
			}
			r.Header.Set("Authorization", "Bearer "+c.w.Token)
			if name := headers[random.IntN(len(headers))]; name != "Expect" {
				r.Header.Set(name, values[random.IntN(len(values))])
			}
			if answer := c.send(r); answer.status == 500 || answer.status == 503 {
				c.Fatalf("%s: %d %s", answer.what, answer.status, answer.text)
			}
		}
	}},
}

// neverEnding is blanks without an end.
type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
