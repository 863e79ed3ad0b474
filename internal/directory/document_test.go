package directory

import (
	"encoding/json"
	"testing"
)

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		const big = "9007199254740993" // 2^53 + 1
		ann := w.create(person("ann@example.com"))
		w.mustUpdate(ann.ID, "seats", json.Number(big))
		u, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if got := u.Document["seats"]; got != json.Number(big) {
			w.t.Errorf("seats = %v, want %s", got, big)
		}
		w.mustUpdate(ann.ID, "seats", json.Number(big))
		again, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil || again.Version != u.Version {
			w.t.Errorf("the same number again made version %d of %d, %v", again.Version, u.Version, err)
		}
	})
}

func TestFoldNameIsIdempotent(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Ann@Example.com", "Ｚｏë", "Zoe\u0308", "STRASSE", "straße", "İstanbul", "ΣΊΣΥΦΟΣ", ""} {
		once := FoldName(s)
		if twice := FoldName(once); twice != once {
			t.Errorf("FoldName(%q) = %q, and again %q", s, once, twice)
		}
	}
	if FoldName("Zoe\u0308") != FoldName("ZOË") {
		t.Error("composed and decomposed ë differ")
	}
}
