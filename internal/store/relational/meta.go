package relational

func (t *Tx) Meta(name string) (string, error) {
	return get(t, text, "SELECT value FROM meta WHERE key = ?", name)
}

func (t *Tx) PutMeta(name, value string) error {
	_, err := t.exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", name, value)
	return err
}
