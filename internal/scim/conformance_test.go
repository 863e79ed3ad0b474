package scim_test

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scim/dialect"
)

var update = flag.Bool("update", false, "write docs/conformance.md")

// docs/conformance.md says what TestChecklist checks, and what it does not: it is written from
// the checklist, from the lists of rows that wait and from the rules of the dialect.
func TestConformanceIsWhatTheChecklistChecks(t *testing.T) {
	const name = "../../docs/conformance.md"
	want := conformance(t)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./internal/scim -run Conformance -update writes it (-program +file):\n%s", name, diff)
	}
}

// Nothing is claimed that no test shows: what shows a lesson is a row that is checked, or a test.
func TestConformanceLessonsAreShown(t *testing.T) {
	checked := map[string]bool{}
	for _, rows := range sections {
		for _, r := range rows {
			checked[r.id()] = true
		}
	}
	functions := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range functions.FindAllSubmatch(text, -1) {
			checked[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lessons {
		for _, shown := range strings.Fields(l.shown) {
			if !checked[shown] {
				t.Errorf("%q is shown by %s, which is no row that is checked, and no test", l.here, shown)
			}
		}
	}
}

// lesson is something that other servers got wrong.
type lesson struct {
	elsewhere string // what went wrong
	seen      string // where: an issue of a public tracker, or "library" for what elimity-com/scim leaves to its user
	here      string // what this server does
	shown     string // the rows and tests that show it
}

var lessons = []lesson{
	{"Removing one member by a value path is answered 200 and does nothing", "goauthentik/authentik#25686",
		"what is answered with success is done: a GET after it shows it", "M-24"},
	{"Removing listed members empties the group, because `value` is not looked at", "AzureAD/SCIMReferenceCode#10, SimpleIdServer#164",
		"the listed members go, and nobody else", "M-32 G-15"},
	{"A deactivation in Entra ID's spelling (`Replace`, `\"False\"`, no path) is refused or lost, and the leaver stays", "rancher/rancher#54025, ssoready#155",
		"every spelling that was seen suspends, and what cannot be understood is an error", "M-69 M-56 TestField11EveryShapeOfActiveFalse"},
	{"Parallel changes of one group overwrite each other", "Captain-P-Goldfish/scim-for-keycloak#90",
		"a membership is a row of its own: parallel additions all stay", "M-67"},
	{"Adding one member takes as long as the group is large", "wso2 identity-inbound-provisioning-scim2#178",
		"adding and removing never reads the other members", "M-66 G-13"},
	{"Reading a large group fails or takes all memory", "product-is#8876, FusionAuth-issues#3307",
		"members are streamed, and not read at all with `excludedAttributes=members`", "G-13"},
	{"Pages overlap, or `totalResults` is the size of the page", "product-is#9957, bitwarden/server#4034",
		"lists have an order that does not change, and all pages together are everybody, once", "P-12 P-06"},
	{"A strict reading refuses what identity providers really send, until somebody adds one more exception", "elimity-com/scim#112, SCIM-SDK#149",
		"the rules above, in one place, each counted, and all off with `scim.strict`", "TestRules TestDialect"},
	{"An attribute that nobody mapped is refused, and the identity provider stops the whole tenant", "snipe-it#14138",
		"unknown attributes are ignored", "C-18"},

	{"`attributes` and `excludedAttributes` have no effect", "library", "they apply to every answer that holds a resource", "A-01 A-02"},
	{"A password comes back in the answer to its creation", "library", "it is never returned, and never kept", "C-25"},
	{"An empty `userName`, two primary e-mails, the same key twice: all accepted", "library", "each is refused", "C-06 C-23 C-29"},
	{"A new primary value leaves the old one primary too", "library", "there is one primary value", "M-42"},
	{"Removing a required attribute is passed on", "library", "it is refused, and nothing changes", "M-27"},
	{"A filter on e-mails as such crashes the request; one on `meta` finds nothing; an empty one finds everybody", "library",
		"all three are answered as the RFC says", "F-30 F-46 F-54"},
	{"`Location` is relative, times are cut to seconds", "library", "locations are absolute and can be followed, times have their fractions", "C-02 C-04"},
	{"A wrong method is answered 404, a POST to `/ServiceProviderConfig` 200", "library", "405, with a true `Allow`", "H-08 D-22"},
	{"A filter on `/Schemas` is ignored", "library", "403, so that nobody believes that it was applied", "D-21"},
	{"There are versions, but no conditional request", "library", "`If-Match` and `If-None-Match` on every read and write of a resource", "E-04 E-06"},
}

// part is a section of the checklist, with its rows.
type part struct {
	letter, title string
	rows          []listed
}

// listed is a row as the checklist lists it.
type listed struct{ id, ref, rule string }

var (
	partLine   = regexp.MustCompile(`^## ([A-Z]): (.+)$`)
	listedLine = regexp.MustCompile(`^\| ([A-Z]-[0-9]+) \| [^|]* \| ([^|]*) \| (.*?) \| `)
)

// parts is the checklist, section by section.
func parts(t *testing.T) []part {
	t.Helper()
	text, err := os.ReadFile("../../testdata/checklist/rfc-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []part
	rows := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := partLine.FindStringSubmatch(line); m != nil {
			all = append(all, part{letter: m[1], title: m[2]})
		}
		if m := listedLine.FindStringSubmatch(line); m != nil {
			last := &all[len(all)-1]
			last.rows = append(last.rows, listed{m[1], m[2], m[3]})
			rows++
		}
	}
	ids := checklist(t)
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); rows != n { // its last table names rows again
		t.Fatalf("%d rows were read of %d", rows, n)
	}
	return all
}

// specifications are the short forms of the checklist's references.
var specifications = map[string]string{"43": "RFC 7643", "44": "RFC 7644"}

// references are the sections that rows refer to, by specification: "RFC 7643 2.4, 4.1; RFC 7644 3.3".
func references(rows []listed) string {
	found := map[string][]string{}
	for _, r := range rows {
		switch spec, places, ok := strings.Cut(r.ref, ":"); {
		case ok:
			if name, short := specifications[spec]; short {
				spec = name
			} else {
				spec = "RFC " + spec
			}
			for place := range strings.SplitSeq(places, ", ") {
				found[spec] = append(found[spec], strings.Replace(place, "T9", "table 9", 1))
			}
		case strings.HasPrefix(r.ref, "E"):
			found["erratum"] = append(found["erratum"], r.ref[1:])
		}
	}
	var all []string
	for spec, places := range found {
		slices.SortFunc(places, bySection)
		all = append(all, spec+" "+strings.Join(slices.Compact(places), ", "))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// bySection orders 3.4.2 before 3.4.10.
func bySection(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX != nil || errY != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(m, n)
	})
}

// conformance is docs/conformance.md.
func conformance(t *testing.T) string {
	var b, waiting strings.Builder
	b.WriteString(`# Conformance

What of SCIM 2.0 this server does, by the [checklist](../testdata/checklist/rfc-checklist.md): one row is one behaviour, and one subtest over HTTP with everything
behind it, in strict mode. This page is written from the checklist and the tests (` + "`go test ./internal/scim -run Conformance -update`" + `); a row counts as checked when it has
a subtest, and one that fails fails the tests: ` + "`go test ./internal/scim -run TestChecklist -v`" + ` shows them. Besides, the suites that Okta and Microsoft published run against the
program where they are at hand (` + "`.ci/run validators`" + `), and every recorded conversation of an identity provider is [replayed](../testdata/idp/README.md).

| feature | sections | rows | checked | status |
| --- | --- | --- | --- | --- |
`)
	all, wait := 0, 0
	for _, p := range parts(t) {
		if len(p.rows) == 0 {
			continue
		}
		waits := 0
		for _, r := range p.rows {
			if reason, ok := pending[r.id]; ok {
				waits++
				fmt.Fprintf(&waiting, "| %s | %s | %s |\n", r.id, r.rule, reason)
			}
		}
		status := "complete"
		switch {
		case waits == len(p.rows):
			status = "no row is checked"
		case waits > 0:
			status = fmt.Sprintf("%d not checked", waits)
		}
		fmt.Fprintf(&b, "| %s: %s | %s | %d | %d | %s |\n", p.letter, p.title, references(p.rows), len(p.rows), len(p.rows)-waits, status)
		all, wait = all+len(p.rows), wait+waits
	}
	fmt.Fprintf(&b, "| all | | %d | %d | |\n", all, all-wait)
	if wait > 0 {
		b.WriteString("\n## Rows without a check\n\n| row | rule | why |\n| --- | --- | --- |\n" + waiting.String())
	}
	b.WriteString(`
## What is refused beside

userName, externalId, displayName and emails.value are looked up by, and have at most 1,000 bytes of UTF-8, as written and without case; a longer one is 400 ` + "`invalidValue`" + `.
Other texts are as long as the request may be. An address has at most 254 (RFC 5321).

## What identity providers send instead

Each rule takes one habit that the RFCs do not allow for what is meant. All are on for everybody, because one identity provider may have several habits; ` + "`scim.strict: true`" + ` turns
them off, and then the answer is the RFC's, mostly an error. How often each had something to do is counted. [idp-behaviour.md](idp-behaviour.md) has where the habits were seen.

| rule | the habit, and what it is taken for |
| --- | --- |
`)
	for _, r := range dialect.Rules() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.Name, strings.ReplaceAll(r.Doc, "|", `\|`))
	}
	b.WriteString(`
## What other servers get wrong that this one does not

From public issue trackers (repository and number), and from the library that reads schemas here, [elimity-com/scim](https://github.com/elimity-com/scim): it leaves much to the server around it, and
*library* is what a server made of it alone did (commit 8c2ba6d, March 2026). The last column is what shows it here: rows, or names of tests. Others may have mended theirs since.

| elsewhere | seen at | here | shown by |
| --- | --- | --- | --- |
`)
	for _, l := range lessons {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.elsewhere, l.seen, l.here, strings.Join(strings.Fields(l.shown), ", "))
	}
	return b.String()
}
