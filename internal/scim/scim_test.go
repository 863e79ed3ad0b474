package scim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	good := Options{Directory: newFake(), Authenticate: authenticate}
	for name, change := range map[string]func(*Options){
		"no directory":      func(o *Options) { o.Directory = nil },
		"no authentication": func(o *Options) { o.Authenticate = nil },
		"relative mount":    func(o *Options) { o.Mount = "scim/v2" },
		"mount with slash":  func(o *Options) { o.Mount = "/scim/v2/" },
		"root":              func(o *Options) { o.Mount = "/" },
		"relative base":     func(o *Options) { o.BaseURL = "/scim/v2" },
		"base with query":   func(o *Options) { o.BaseURL = "https://x.test/scim/v2?a=b" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

func TestBaseURL(t *testing.T) {
	s := serve(t, func(o *Options) { o.BaseURL = "https://scim.example.com/scim/v2/" })
	r := s.do("POST", "/Users", userBody("ann@suite.example", "")).is(201)
	want := "https://scim.example.com/scim/v2/Users/" + r.id()
	if r.header.Get("Location") != want || r.at("meta", "location") != want {
		t.Errorf("Location %q, meta.location %v", r.header.Get("Location"), r.at("meta", "location"))
	}
	s.get(filtered("/Users", `meta.location eq "`+want+`"`)).is(200).wants(1, "totalResults")
	s.get("/Schemas/"+core).wants("https://scim.example.com/scim/v2/Schemas/"+core, "meta", "location")
}

// TestChecklistMounts is, Z-13 and Z-20: tenants side by side, and what is nobody's.
func TestChecklistMounts(t *testing.T) {
	handlers := map[string]http.Handler{}
	for _, mount := range []string{"/scim/v2", "/t/acme/scim/v2"} {
		h, err := New(Options{Directory: newFake(), Authenticate: authenticate, Mount: mount, DiscoveryNeedsAuth: true})
		if err != nil {
			t.Fatal(err)
		}
		handlers[mount] = h
	}
	server := httptest.NewServer(Mounts(handlers))
	defer server.Close()
	s := &suite{t: t, url: server.URL}

	id := s.do("POST", "/scim/v2/Users", userBody("ann@suite.example", "")).is(201).id()
	s.get("/t/acme/scim/v2/Users").is(200).wants(0, "totalResults")
	s.get("/t/acme/scim/v2/Users/"+id).refused(404, "")
	other := s.do("POST", "/t/acme/scim/v2//Users/", userBody("bob@suite.example", "")).is(201)
	other.wants(server.URL+"/t/acme/scim/v2/Users/"+other.id(), "meta", "location")
	s.get("//scim//v2//Users/").is(200).wants(1, "totalResults")

	s.get("/scim/v1/Users").refused(400, "invalidVers")
	s.get("/scim/v1.1").refused(400, "invalidVers")
	s.get("/t/acme/scim/v3/Users").refused(400, "invalidVers")
	for _, path := range []string{"", "/", "/scim", "/scim/v2x/Users", "/t/other/scim/v2/Users", "/favicon.ico"} {
		s.get(path).refused(404, "")
	}
}

func TestMetricsAndLog(t *testing.T) {
	s := serve(t)
	id := s.user("ann@suite.example", "")
	<-s.requests
	s.get("/Users/" + id).is(200)
	if r := <-s.requests; r.Method != "GET" || r.Route != "/Users/:id" || r.Status != 200 || r.Written == 0 {
		t.Errorf("%+v", r)
	}
	s.get("/nope/ann@suite.example").is(404)
	if r := <-s.requests; r.Route != "" || r.Status != 404 {
		t.Errorf("%+v", r)
	}
	s.get(filtered("/Users", `userName eq "canary@suite.example"`)).is(200)
	<-s.requests
	if log := s.log.String(); strings.Contains(log, "suite.example") || strings.Contains(log, token) { // H-22
		t.Errorf("the log holds names or secrets: %s", log)
	}
}
