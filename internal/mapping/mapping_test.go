package mapping

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestV03TheAddressAndWhatWasTried(t *testing.T)                  { golden(t, "v03-email.json") }
func TestV09AddressesOutsideTheDomains(t *testing.T)                 { golden(t, "v09-email-domains.json") }
func TestV39ScopesAreNeverDropped(t *testing.T)                      { golden(t, "v39-scopes.json") }
func TestV40PrivilegedRolesAreSpelled(t *testing.T)                  { golden(t, "v40-privileged.json") }
func TestV41KeysOfTheList(t *testing.T)                              { golden(t, "v41-free-keys.json") }
func TestV42SeparatorsRequiredAttributesAndFailures(t *testing.T)    { golden(t, "v42-values.json") }
func TestAttributes(t *testing.T)                                    { golden(t, "attributes.json") }
func TestExpressions(t *testing.T)                                   { golden(t, "expressions.json") }
func TestNamingConvention(t *testing.T)                              { golden(t, "naming-convention.json") }
func TestSCIMRoles(t *testing.T)                                     { golden(t, "scim-roles.json") }
func TestConfigurationExample(t *testing.T)                          { golden(t, "configuration-example.json") }
func TestCompileRefusesEveryFaultWithItsPlaceInTheFile(t *testing.T) { golden(t, "faults.json") }

// TestEveryGoldenIsRun keeps a file of testdata/mapping from being forgotten.
func TestEveryGoldenIsRun(t *testing.T) {
	source, err := os.ReadFile("mapping_test.go")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(goldens)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && !strings.Contains(string(source), `"`+e.Name()+`"`) {
			t.Errorf("%s is run by no test", e.Name())
		}
	}
}

// TestRulesAreSafeForConcurrentUse is for the race detector.
func TestRulesAreSafeForConcurrentUse(t *testing.T) {
	rules := compile(t, propertySpec())
	user := document(t, `{"userName": "a@example.com", "title": "x", "emails": [{"value": "b@example.com"}]}`)
	groups := []Group{{DisplayName: "Admins"}, {DisplayName: "w-viewer-d1"}}
	want := rules.Resolve(user, groups)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 20 {
				if diff := cmp.Diff(want, rules.Resolve(user, groups)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	running.Wait()
}
