package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	code    = regexp.MustCompile("`[^`\n]*`")
)

// Every link of a document to a file, or to a heading, leads there.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents(t) {
		_, prose := blocks(read(t, document))
		for i, line := range strings.Split(prose, "\n") {
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				file, anchor, _ := strings.Cut(m[1], "#")
				target := document
				if file != "" {
					target = path.Join(path.Dir(document), file)
				}
				if strings.HasPrefix(target, "../") {
					t.Errorf("%s:%d: %s leaves the repository", document, i+1, m[1])
					continue
				}
				if _, err := os.Stat(filepath.Join(root, target)); err != nil {
					t.Errorf("%s:%d: %s leads nowhere: %v", document, i+1, m[1], err)
					continue
				}
				if anchor != "" && !anchors(read(t, target))[anchor] {
					t.Errorf("%s:%d: %s has no heading #%s", document, i+1, target, anchor)
				}
			}
		}
	}
}

// anchors are the names under which GitHub serves a document's headings: lower case,
// blanks as hyphens, everything but letters, digits, hyphens and underscores left out.
func anchors(text string) map[string]bool {
	_, prose := blocks(text)
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(prose, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		names[regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, "")] = true
	}
	return names
}
