package scim

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// FuzzBulk is the bulk body of whoever: never a panic, never a 500, and a request that is
// refused as a whole changes nothing.
func FuzzBulk(f *testing.F) {
	f.Add(bulkBody("", newUser("q"), op("POST", "/Groups", "g", groupBody("G", "bulkId:q", "bulkId:h")), op("POST", "/Groups", "h", groupBody("H", "bulkId:g"))))
	f.Add(bulkBody(`"failOnErrors":1`, managed("u", "bulkId:v"), managed("v", "bulkId:u"), op("DELETE", "/Users/bulkId:u", "", "")))
	f.Add(bulkBody("", op("PATCH", "/Users/u-0001", "", patchBody(`{"op":"remove","path":"emails[value eq \"bulkId:x\"]"}`)), op("PUT", "/Users/..", "", `{"$ref":"bulkId:"}`)))
	f.Add(bulkBody("", `{"METHOD":"post","path":"//Users/?attributes=%zz","bulkid":"bulkId:","data":{"value":"bulkId:bulkId:","groups":{}}}`))
	f.Add(`{"schemas":["` + bulkURN + `"],"operations":[{"method":"DELETE","path":"/%","version":"*,"}]}`)
	log := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, body string) {
		h, err := New(Options{Directory: newFake(), Authenticate: authenticate, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		do := func(method, path, body string) reply { // without a connection: thousands of times a second
			r := httptest.NewRequest(method, "/scim/v2"+path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			return reply{t, method + " " + path, answer.Code, answer.Header(), answer.Body.String()}
		}
		id := do("POST", "/Users", userBody("ann@suite.example", "")).is(201).id()
		do("POST", "/Groups", groupBody("Admins", id)).is(201)
		before := do("GET", "/Users", "").text + do("GET", "/Groups", "").text
		r := do("POST", "/Bulk", body)
		switch {
		case r.status == http.StatusOK:
			if slices.Contains(r.statuses(), "500") { // a panic of one operation is one, too
				t.Fatal(r.text)
			}
		case r.status < 400 || r.status >= 500:
			t.Fatalf("status %d: %s", r.status, r.text)
		case do("GET", "/Users", "").text+do("GET", "/Groups", "").text != before:
			t.Fatal("refused, and something changed")
		}
	})
}
