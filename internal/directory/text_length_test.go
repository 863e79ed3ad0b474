package directory

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCutText(t *testing.T) {
	for _, s := range []string{"", "Ann", strings.Repeat("x", longestText), strings.Repeat("ä", longestText), "x" + strings.Repeat("ΐ", 400), strings.Repeat("x\U0001F600", 400)} {
		cut := cutText(s)
		if !strings.HasPrefix(s, cut) || !utf8.ValidString(cut) || len(FoldName(cut)) > longestText || (len(cut) < len(s)) != (max(len(s), len(FoldName(s))) > longestText) {
			t.Errorf("%d bytes were cut to %d", len(s), len(cut))
		}
	}
}

// TestFoldingMakesAtMostThreeOfOne: what cutText counts on.
func TestFoldingMakesAtMostThreeOfOne(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if s := string(r); len(FoldName(s)) > 3*len(s) {
			t.Errorf("%U: %d bytes become %d", r, len(s), len(FoldName(s)))
		}
	}
}
