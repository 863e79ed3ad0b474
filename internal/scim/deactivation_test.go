package scim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// TestV02RefusedDeactivation: whoever was to lose access and keeps it, because the write
// was refused, is counted and alerted, and nobody else is.
func TestV02RefusedDeactivation(t *testing.T) {
	const (
		user  = "/Users/u-0001"
		off   = `{"op":"replace","path":"active","value":false}`
		taken = `{"op":"replace","path":"userName","value":"taken@suite.example"}`
	)
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		attribute                string // as the log names it; "-": not a refused deactivation
	}{
		{"PUT with a bad value elsewhere", "PUT", user, userBody("ann@suite.example", `"active":false,"emails":"canary"`), nil, 400, "emails"},
		{"PUT with a bad value in an extension", "PUT", user, userBody("ann@suite.example", `"active":false,"`+wisdom+`":{"level":"canary"}`), nil, 400, wisdom + ":level"},
		{"PUT without userName", "PUT", user, `{"schemas":["` + core + `"],"Active":false}`, nil, 400, "userName"},
		{"PUT with text for a boolean", "PUT", user, userBody("", `"active":"False"`), nil, 400, "userName"},
		{"PUT of a taken userName", "PUT", user, userBody("taken@suite.example", `"active":false`), nil, 409, "userName"},
		{"PUT with a schema that there is not", "PUT", user, `{"schemas":["` + core + `",7],"userName":"ann@suite.example","active":false}`, nil, 400, ""},
		{"PUT with parameters that exclude each other", "PUT", user + "?attributes=id&excludedAttributes=name", userBody("ann@suite.example", `"active":false`), nil, 400, ""},
		{"POST of a taken userName", "POST", "/Users", userBody("taken@suite.example", `"active":false`), nil, 409, "userName"},

		{"PATCH by path", "PATCH", user, patchBody(off, `{"op":"replace","path":"canary","value":1}`), nil, 400, ""},
		{"PATCH by path, after the fault", "PATCH", user, patchBody(`{"op":"replace","path":"emails[canary","value":1}`, off), nil, 400, ""},
		{"PATCH by a path with URN", "PATCH", user, patchBody(`{"op":"Add","path":"`+core+`:Active","value":"False"}`, taken), nil, 409, "userName"},
		{"PATCH by a path of an old Entra ID job", "PATCH", user, patchBody(`{"op":"Replace","path":"active","value":[{"$ref":null,"value":"False"}]}`, taken), nil, 409, "userName"},
		{"PATCH without path", "PATCH", user, patchBody(`{"op":"replace","value":{"active":false,"emails":7}}`), nil, 400, "emails"},
		{"PATCH without path, in the core URN", "PATCH", user, patchBody(`{"op":"replace","value":{"` + core + `":{"active":"false","title":7}}}`), nil, 400, "title"},
		{"PATCH with dotted keys", "PATCH", user, patchBody(`{"op":"replace","value":{"name.givenName":"Canary","` + core + `:active":"False","emails[type eq \"work\"].primary":"canary"}}`), nil, 400, "emails.primary"},
		{"PATCH with an empty path", "PATCH", user, patchBody(`{"op":"replace","path":"","value":{"active":false}}`), nil, 400, ""},
		{"PATCH with an unknown op", "PATCH", user, patchBody(`{"op":"set","path":"active","value":false}`), nil, 400, ""},
		{"PATCH without target", "PATCH", user, patchBody(off, `{"op":"replace","path":"addresses[type eq \"canary\" or type pr].locality","value":"x"}`), nil, 400, "addresses.locality"},
		{"PATCH with a result that is no user", "PATCH", user, patchBody(off, `{"op":"add","path":"`+wisdom+`:attributes","value":[{"value":"canary"}]}`), nil, 400, wisdom + ":attributes.key"},
		{"PATCH with Operations that are none", "PATCH", user, `{"schemas":["urn:x"],"operations":[` + off + `]}`, nil, 400, ""},

		{"done", "PATCH", user, patchBody(off), nil, 200, "-"},
		{"PUT that activates", "PUT", user, userBody("taken@suite.example", `"active":true`), nil, 409, "-"},
		{"PUT without active", "PUT", user, userBody("taken@suite.example", ""), nil, 409, "-"},
		{"PATCH that ends active", "PATCH", user, patchBody(off, `{"op":"replace","value":{"active":true}}`, taken), nil, 409, "-"},
		{"PATCH of something else", "PATCH", user, patchBody(`{"op":"replace","path":"emails[type eq \"work\"].primary","value":false}`, taken), nil, 409, "-"},
		{"PATCH that removes active", "PATCH", user, patchBody(`{"op":"remove","path":"active","value":false}`, taken), nil, 409, "-"},
		{"401", "PUT", user, userBody("", `"active":false`), []string{"Authorization: Bearer x"}, 401, "-"},
		{"404", "PUT", "/Users/nobody", userBody("", `"active":false`), nil, 404, "-"},
		{"412", "PATCH", user, patchBody(off), []string{`If-Match: "7"`}, 412, "-"},
		{"413", "PATCH", user, patchBody(off, strings.Repeat(off+",", 4)+off), nil, 413, "-"},
		{"415", "PATCH", user, patchBody(off), []string{"Content-Type: text/plain"}, 415, "-"},
		{"a group", "PUT", "/Groups/g-0003", `{"active":false}`, nil, 400, "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, told := leaving(t, nil)
			answer := s.do(tt.method, tt.path, tt.body, tt.headers...).is(tt.status)
			log := s.log.String()
			if tt.attribute == "-" {
				if len(*told) > 0 || strings.Contains(log, "deactivation refused") {
					t.Errorf("told %q, log %s", *told, log)
				}
				return
			}
			id := strings.TrimPrefix(strings.TrimPrefix(tt.path, "/Users"), "/")
			id, _, _ = strings.Cut(id, "?")
			if want := []string{id + ": " + answer.at("detail").(string)}; !cmp.Equal(*told, want) {
				t.Errorf("told %q, want %q", *told, want)
			}
			attribute := tt.attribute
			if attribute == "" {
				attribute = `""`
			}
			if want := fmt.Sprintf("attribute=%s\n", attribute); !strings.Contains(log, want) {
				t.Errorf("no %s in %s", want, log)
			}
			if strings.Contains(strings.ToLower(log), "canary") || strings.Contains(log, "suite.example") { // H-22
				t.Errorf("the log quotes the document: %s", log)
			}
		})
	}
	t.Run("the line in the log", func(t *testing.T) {
		s, _ := leaving(t, nil)
		s.do("PUT", user, userBody("taken@suite.example", `"active":false`), "X-Request-Id: r-1").is(409)
		const want = `level=WARN msg="deactivation refused: the user keeps what access he has" request=r-1 method=PUT user=u-0001 status=409 type=uniqueness attribute=userName`
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("log: %s", s.log)
		}
	})
	t.Run("what the directory refuses, and where it fails", func(t *testing.T) {
		for err, want := range map[error]int{
			&directory.Error{Kind: directory.Protected, Detail: "he is the last ADMIN"}: 1, // V-34
			&directory.Error{Kind: directory.Unavailable, Detail: "later"}:              0, // recorded (V-37), or repeated by the IdP
			errors.New("the disk is full"):                                              0,
		} {
			s, told := leaving(t, nil)
			s.directory.before = func(context.Context, string) error { return err }
			s.do("PATCH", user, patchBody(off))
			if len(*told) != want {
				t.Errorf("%v: told %q", err, *told)
			}
		}
	})
	t.Run("strict: what is refused for its form was meant", func(t *testing.T) {
		for _, body := range []string{
			patchBody(`{"op":"Replace","path":"active","value":false}`),
			patchBody(`{"op":"replace","path":"active","value":"False"}`),
			strings.Replace(patchBody(off), "Operations", "operations", 1),
		} {
			s, told := leaving(t, func(o *Options) { o.Strict = true })
			s.do("PATCH", user, body).is(400)
			if len(*told) != 1 {
				t.Errorf("%s: told %q", body, *told)
			}
		}
	})
}

// leaving serves ann and somebody whose name is taken, with a directory that refuses some
// names, and gathers what is told of refused deactivations.
func leaving(t *testing.T, change func(*Options)) (s *suite, told *[]string) {
	told = new([]string)
	s = serve(t, func(o *Options) {
		o.Limits.Operations = 4
		o.OnRefusedDeactivation = func(_ context.Context, _ directory.Caller, id, detail string) { *told = append(*told, id+": "+detail) }
		if change != nil {
			change(o)
		}
	})
	s.user("ann@suite.example", `"title":"T"`)
	s.user("taken@suite.example", "")
	s.group("G")
	return s, told
}
