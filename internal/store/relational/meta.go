package relational

import (
	"errors"

	"github.com/scimbridge/scimbridge/internal/store"
)

func (t *Tx) Meta(name string) (string, error) {
	known, ok := t.recall.meta[name]
	if !ok {
		value, err := get(t, text, "SELECT value FROM meta WHERE key = ?", name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
		if err == nil {
			known = &value
		}
		t.recallMeta(name, known)
	}
	if known == nil {
		return "", store.ErrNotFound
	}
	return *known, nil
}

func (t *Tx) recallMeta(name string, value *string) {
	if t.recall.meta == nil {
		t.recall.meta = map[string]*string{}
	}
	t.recall.meta[name] = value
}

func (t *Tx) PutMeta(name, value string) error {
	t.recallMeta(name, &value)
	_, err := t.exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", name, value)
	return err
}
