package main

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// Every command that README.md shows exists, with the flags it is shown with.
func TestTheReadmesCommandsExist(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, args := range shownCommands(string(text)) {
		shown++
		c, rest, err := newRoot().Find(args)
		if err != nil {
			t.Errorf("scimbridge %s: %v", strings.Join(args, " "), err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("scimbridge %s: %v", strings.Join(args, " "), err)
			continue
		}
		if left := c.Flags().Args(); c.Name() == "scimbridge" || len(left) > 0 && (c.HasSubCommands() || c.ValidateArgs(left) != nil) {
			t.Errorf("scimbridge %s: %v is no command of %s", strings.Join(args, " "), left, c.CommandPath())
		}
		if err := c.ValidateRequiredFlags(); err != nil && len(rest) > 0 { // without any flag it is only spoken of
			t.Errorf("scimbridge %s: %v", strings.Join(args, " "), err)
		}
	}
	if shown < 6 {
		t.Errorf("README.md shows %d commands: this test looks at the wrong thing", shown)
	}
}

// shownCommands are the arguments of the program wherever a line of a fenced block, or code
// in a sentence, calls it: "./scimbridge check", "sudo -u scimbridge scimbridge serve".
func shownCommands(text string) [][]string {
	var found [][]string
	add := func(line string) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for i := len(fields) - 2; i >= 0; i-- {
			if path.Base(fields[i]) == "scimbridge" {
				if word := fields[i+1]; word != "scimbridge" && regexp.MustCompile(`^[a-z]+$`).MatchString(word) {
					found = append(found, fields[i+1:])
				}
				return
			}
		}
	}
	for i, part := range strings.Split(text, "```") {
		if i%2 == 0 {
			for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(part, -1) {
				add(m[1])
			}
			continue
		}
		if strings.HasPrefix(part, "sh\n") || strings.HasPrefix(part, "ini\n") {
			for line := range strings.Lines(part) {
				add(line)
			}
		}
	}
	return found
}
