package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, seen from this package's folder.
const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// files are the repository's files that match, with slashes and relative to root. What
// begins with a dot is left out, .ci apart.
func files(t *testing.T, match func(path string) bool) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." && rel != ".ci" {
				return filepath.SkipDir
			}
			return nil
		}
		if match(rel) {
			found = append(found, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// documents are the Markdown files that a reader of the project meets.
func documents(t *testing.T) []string {
	return files(t, func(path string) bool { return strings.HasSuffix(path, ".md") })
}

// block is one fenced block of a document.
type block struct {
	language, text string
	line           int // of its first line of text, from 1
}

// blocks are a document's fenced blocks; what is left is its prose, with an empty line
// for every line of a block, so that line numbers stay.
func blocks(text string) (found []block, prose string) {
	var b *block
	var rest strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		word, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && b == nil:
			found = append(found, block{language: word, line: i + 2})
			b = &found[len(found)-1]
		case fence:
			b = nil
		case b != nil:
			b.text += line
		default:
			rest.WriteString(line)
			continue
		}
		rest.WriteString("\n")
	}
	return found, rest.String()
}
