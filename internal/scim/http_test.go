package scim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestChecklistHTTP(t *testing.T) {
	s := serve(t, func(o *Options) { o.Limits.Body = 2000 })
	id := s.user("ann@suite.example", "")
	u := "/Users/" + id
	on := func(t *testing.T) *suite { return &suite{t: t, directory: s.directory, url: s.url, log: s.log} }

	t.Run("Z-02 H-01 H-02 H-03 H-04 Accept", func(t *testing.T) {
		for _, accept := range []string{"", "*/*", "application/*", "application/json", "application/scim+json;q=0.5, */*;q=0.1", "application/scim+json; charset=utf-8", "text/html"} {
			on(t).get(u, "Accept: "+accept).is(200) // is looks at the Content-Type
		}
	})
	t.Run("H-05 H-06 H-07 Content-Type", func(t *testing.T) {
		for i, contentType := range []string{"", "application/scim+json", "application/json", "application/scim+json; charset=utf-8", `APPLICATION/JSON;Charset="UTF-8"`, "text/json", "application/problem+json; charset=UTF8"} {
			on(t).do("POST", "/Users", userBody(fmt.Sprintf("u%d@suite.example", i), ""), "Content-Type: "+contentType).is(201)
		}
		for _, contentType := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=iso-8859-1", "nonsense", "application/json; charset"} {
			on(t).unchanged(u, "PUT", u, userBody("ann@suite.example", `"title":"new"`), 415, "", "Content-Type: "+contentType)
			on(t).do("POST", "/Users", userBody("new@suite.example", ""), "Content-Type: "+contentType).refused(415, "")
			on(t).do("POST", "/Users/.search", `{}`, "Content-Type: "+contentType).refused(415, "")
		}
		on(t).get(u, "Content-Type: text/plain").is(200) // Okta sends one with a GET
	})
	t.Run("H-08 C-37 U-20 M-65 methods", func(t *testing.T) {
		for _, tt := range []struct{ method, path, allow string }{
			{"PUT", "/Users", "GET, HEAD, OPTIONS, POST"},
			{"PATCH", "/Groups", "GET, HEAD, OPTIONS, POST"},
			{"POST", u, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
			{"BREW", "/Groups/x", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
			{"GET", "/Bulk", "OPTIONS, POST"},           // B-27
			{"BREW", "/Users/.search", "OPTIONS, POST"},
			{"TRACE", "/Groups/.search", "OPTIONS, POST"},
			{"BREW", "/Users/.find", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		} {
			r := on(t).do(tt.method, tt.path, "")
			r.refused(405, "")
			if got := r.header.Get("Allow"); got != tt.allow {
				t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
			}
		}
	})
	t.Run("H-09 H-30 R-18 unknown paths", func(t *testing.T) {
		for _, path := range []string{"/Devices", "/Users/x/y", u + ".scim", "/users", "/v1/Users", "/Schemas/a/b", "/."} {
			on(t).get(path).refused(404, "")
		}
	})
	t.Run("H-10 HEAD", func(t *testing.T) {
		for _, path := range []string{u, "/Users", "/Schemas", "/ServiceProviderConfig", "/Users/nobody"} {
			get, head := on(t).get(path), on(t).do("HEAD", path, "")
			if head.status != get.status || head.text != "" || head.header.Get("ETag") != get.header.Get("ETag") || head.header.Get("Content-Length") != fmt.Sprint(len(get.text)) {
				t.Errorf("%s: HEAD %d %q %v; GET %d with %d bytes, %v", path, head.status, head.text, head.header, get.status, len(get.text), get.header)
			}
		}
	})
	t.Run("H-11 OPTIONS", func(t *testing.T) {
		for path, allow := range map[string]string{"/Users": "GET, HEAD, OPTIONS, POST", u: "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", "/Users/.search": "OPTIONS, POST"} {
			r := on(t).do("OPTIONS", path, "").is(204)
			if r.header.Get("Allow") != allow || r.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %v", path, r.header)
			}
		}
		on(t).do("OPTIONS", "/Nope", "").refused(404, "")
	})
	t.Run("H-12 B-21 body over the limit", func(t *testing.T) {
		big := userBody("ann@suite.example", `"title":"`+strings.Repeat("x", 2000)+`"`)
		detail := on(t).unchanged(u, "PUT", u, big, 413, "")
		if !strings.Contains(detail, "2000") {
			t.Errorf("the detail %q does not say the limit", detail)
		}
		on(t).do("POST", "/Users", big).refused(413, "")
		on(t).do("PATCH", "/Users/nobody", big).refused(404, "") // Z-18
		for _, method := range []string{"PUT", "PATCH"} {        // chunked: no length is told
			r, err := http.NewRequest(method, s.url+u, io.MultiReader(strings.NewReader(big)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := browser.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			reply{t, method + " chunked", answer.StatusCode, answer.Header, string(text)}.refused(413, "")
		}
		fits := strings.Repeat(" ", 2000-len(userBody("ann@suite.example", ""))) + userBody("ann@suite.example", "")
		on(t).do("PUT", u, fits).is(200)
	})
	t.Run("H-12 a length over the limit is refused before the body comes", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/scim/v2"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a server that waits for the body fails
		fmt.Fprintf(conn, "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2001\r\n\r\n", token)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != 413 || !answer.Close {
			t.Errorf("status %d, connection kept: %t", answer.StatusCode, !answer.Close)
		}
	})
	t.Run("H-12 an endless body is not read to its end", func(t *testing.T) {
		on(t).refusesEndless("/Users", "")
	})
	t.Run("H-26 gzip", func(t *testing.T) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = io.WriteString(w, userBody("zip@suite.example", ""))
		w.Close()
		on(t).do("POST", "/Users", zipped.String(), "Content-Encoding: gzip").refused(415, "")
		on(t).do("POST", "/Users", userBody("plain@suite.example", ""), "Content-Encoding: identity").is(201)
	})
	t.Run("H-27 method override", func(t *testing.T) {
		on(t).do("POST", "/Users", userBody("override@suite.example", ""), "X-HTTP-Method-Override: DELETE").is(201)
	})
	t.Run("H-28 forwarded headers", func(t *testing.T) {
		on(t).get(u, "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "Forwarded: host=evil.test").is(200).wants(s.url+u, "meta", "location")
	})
	t.Run("H-29 request id", func(t *testing.T) {
		if got := on(t).get(u, "X-Request-Id: abc-123").header.Get("X-Request-Id"); got != "abc-123" {
			t.Errorf("X-Request-Id %q", got)
		}
		for _, odd := range []string{"", "a b", `"`, strings.Repeat("x", 200), "é"} {
			if got := on(t).get(u, "X-Request-Id: "+odd).header.Get("X-Request-Id"); got == odd || len(got) != 36 {
				t.Errorf("X-Request-Id %q for %q", got, odd)
			}
		}
		if !strings.Contains(s.log.String(), "request=abc-123") {
			t.Error("the log does not have the id")
		}
	})
	t.Run("H-23 Cache-Control", func(t *testing.T) {
		for _, path := range []string{u, "/Users", "/Schemas", "/nope"} {
			if got := on(t).get(path).header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control %q", path, got)
			}
		}
	})
	t.Run("R-02 R-03 R-04 odd ids", func(t *testing.T) {
		g := on(t).group("G")
		for _, odd := range []string{"a%2Fb", "..", "%2e%2e", "%00", strings.Repeat("x", 10_000), "%E2%82%AC", "a%20b", "%25", "x?y", strings.ToUpper(id), g} {
			on(t).get("/Users/"+odd).refused(404, "")
		}
	})
	t.Run("R-14 queries elsewhere", func(t *testing.T) {
		on(t).get(filtered(u, `userName eq "nobody"`)).is(200).wants(id, "id")
	})
	t.Run("R-17 slashes", func(t *testing.T) {
		whole, list := on(t).get(u).text, on(t).get("/Users").text
		for _, path := range []string{"/" + u, u + "/", "//Users//" + id + "//", "/%55sers/" + id} {
			if got := on(t).get(path).is(200).text; got != whole {
				t.Errorf("%s: %s", path, got)
			}
		}
		if got := on(t).get("//Users/?foo=bar").is(200).text; got != list {
			t.Errorf("%s", got)
		}
		on(t).do("POST", "//Users/", userBody("slash@suite.example", "")).is(201)
	})
	t.Run("I-01 I-02 I-03 Me", func(t *testing.T) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			on(t).do(method, "/Me", "").refused(501, "")
			on(t).do(method, "/Me", "", "Authorization: ").refused(401, "")
		}
		on(t).get("/Me/x").refused(404, "")
	})
	t.Run("H-31 anything but 500", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		pieces := []string{"Users", "Groups", "Schemas", ".search", "Bulk", "Me", id, "%2F", "//", ".", "..", "%00", "?", "&", "=", "filter", "count", "%25", "attributes", ";", "é", "[", "]", `"`, "urn:x", ":", "*"}
		methods := []string{"GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "DELETE"}
		for range 2000 {
			path := "/"
			for range random.IntN(5) {
				path += pieces[random.IntN(len(pieces))]
				if random.IntN(2) == 0 {
					path += "/"
				}
			}
			method := methods[random.IntN(len(methods)-1)] // no DELETE: ann stays
			if _, err := http.NewRequest(method, s.url+path, nil); err != nil {
				continue // the client does not send it
			}
			if r := on(t).do(method, path, `{"a":1}`); r.status == 500 || r.status == 503 {
				t.Fatalf("%s %s: %d %s", method, path, r.status, r.text)
			}
		}
	})
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// refusesEndless posts a body that begins with head and does not end: 413, and the test is not
// still writing it.
func (s *suite) refusesEndless(path, head string) {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.url+path, io.MultiReader(strings.NewReader(head), endless{}))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 413 {
		s.t.Errorf("status %d", answer.StatusCode)
	}
}

func TestChecklistAuthorization(t *testing.T) {
	s := serve(t)
	s.user("ann@suite.example", "")
	t.Run("H-14 H-15 H-16 H-20 I-02 refused", func(t *testing.T) {
		s := &suite{t: t, directory: s.directory, url: s.url}
		s.directory.calls = nil
		for _, path := range []string{"/Users", "/Users/u-0001", "/Users/nobody", "/Nope", "/Me", "/Schemas", "//Groups/"} {
			for _, method := range []string{"GET", "POST", "PUT", "BREW"} {
				r := s.do(method, path, "{", "Authorization: Bearer other", "Content-Type: text/plain")
				if detail := r.refused(401, ""); strings.Contains(detail, "revoked by") {
					t.Errorf("the detail tells why: %s", detail)
				}
				if got := r.header.Get("WWW-Authenticate"); got != `Bearer realm="scimbridge", error="invalid_token"` {
					t.Errorf("WWW-Authenticate %q", got)
				}
			}
		}
		s.get("/Users", "Authorization: Bearer read-only").refused(403, "")
		s.get("/Users", "Authorization: Bearer a, Bearer b").refused(400, "")
		if len(s.directory.calls) > 0 {
			t.Errorf("the directory was asked: %v", s.directory.calls)
		}
	})
	t.Run("Z-18 H-18 a token in the query is none", func(t *testing.T) {
		s := &suite{t: t, url: s.url, log: s.log}
		s.get("/Users?access_token="+token, "Authorization: ").refused(401, "")
		if strings.Contains(s.log.String(), token) {
			t.Error("the token is in the log")
		}
	})
	t.Run("a fault of ours is no 401", func(t *testing.T) {
		s := &suite{t: t, url: s.url, log: s.log}
		r := s.get("/Users", "Authorization: Bearer broken")
		if detail := r.refused(503, ""); strings.Contains(detail, "secret") || r.header.Get("Retry-After") == "" {
			t.Errorf("detail %q, header %v", detail, r.header)
		}
		r = s.get("/Users", "Authorization: Bearer unavailable")
		if detail := r.refused(503, ""); !strings.Contains(detail, "cannot be checked") || r.header.Get("WWW-Authenticate") != "" {
			t.Errorf("detail %q, header %v", detail, r.header)
		}
		if log := s.log.String(); !strings.Contains(log, "the store is locked") || !strings.Contains(log, "revoked by root") {
			t.Errorf("the log does not say why: %s", log)
		}
	})
}

// TestChecklistOrder is Z-18: a request that is wrong in every way, mended step by step.
func TestChecklistOrder(t *testing.T) {
	s := serve(t, func(o *Options) { o.Limits.Body = 1000 })
	id := s.user("ann@suite.example", "")
	s.user("bob@suite.example", "")
	big := strings.Repeat("x", 1001)
	taken := userBody("bob@suite.example", "")
	for _, tt := range []struct {
		method, path, body, contentType, authorization, ifMatch string
		status                                                  int
	}{
		{"BREW", "/Users/nobody", big, "text/plain", "Bearer x", `"7"`, 401},
		{"PUT", "/Users/nobody", big, "text/plain", "", `"7"`, 404},
		{"BREW", "/Users/" + id, big, "text/plain", "", `"7"`, 405},
		{"PUT", "/Users/" + id, big, "text/plain", "", `"7"`, 415},
		{"PUT", "/Users/" + id + "?attributes=a&excludedAttributes=b", big, "text/plain", "", `"7"`, 415},
		{"PUT", "/Users/" + id, big, "", "", `"7"`, 413},
		{"PUT", "/Users/" + id, "{", "", "", `"7"`, 400},
		{"PUT", "/Users/" + id, taken, "", "", `"7"`, 412},
		{"PUT", "/Users/" + id, taken, "", "", `"1"`, 409},
		{"PUT", "/Users/" + id, userBody("ann@suite.example", ""), "", "", `"1"`, 200},
		{"PUT", "/Groups/nobody", "{", "", "", "", 404},
		{"PATCH", "/Groups/nobody", patchBody(`{"op":"remove"}`), "", "", "", 404},
		{"PATCH", "/Users/nobody?attributes=a&excludedAttributes=b", "{}", "", "", "", 404}, // M-59
		{"GET", "/Groups/nobody?attributes=a&excludedAttributes=b", "", "", "", "", 404},
	} {
		headers := []string{"Content-Type: " + tt.contentType, "If-Match: " + tt.ifMatch}
		if tt.authorization != "" {
			headers = append(headers, "Authorization: "+tt.authorization)
		}
		if r := s.do(tt.method, tt.path, tt.body, headers...); r.status != tt.status {
			t.Errorf("%s %s: %d, want %d\n%s", tt.method, tt.path, r.status, tt.status, r.text)
		}
	}
}

// TestChecklistConnection is H-25: an error before the body was read leaves the
// connection right or closed. The same connection is used for what follows.
func TestChecklistConnection(t *testing.T) {
	s := serve(t)
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/scim/v2"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(method, path, contentType, body string) *http.Response {
		t.Helper()
		fmt.Fprintf(conn, "%s /scim/v2%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, token, contentType, len(body), body)
		answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer
	}
	for _, tt := range []struct {
		method, path, contentType string
		status                    int
	}{
		{"POST", "/Users", "text/plain", 415},
		{"PUT", "/Users/nobody", "application/json", 404},
		{"POST", "/Me", "application/json", 501},
		{"POST", "/Users", "application/json", 201},
	} {
		if answer := send(tt.method, tt.path, tt.contentType, userBody("ann@suite.example", "")); answer.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, answer.StatusCode, tt.status)
		}
	}
}
