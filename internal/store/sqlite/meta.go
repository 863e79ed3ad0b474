package sqlite

func (t *tx) Meta(name string) (string, error) {
	return get(t, text, "SELECT value FROM meta WHERE key = ?", name)
}

func (t *tx) PutMeta(name, value string) error {
	_, err := t.conn.exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", name, value)
	return err
}
