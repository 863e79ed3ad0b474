// Package config reads scimbridge.yaml: one file, every key typed, checked whole
// before anything starts, with overrides from the environment and secrets by
// reference.
//
// It is strict. An unknown key, a doubled one, a wrong type, a value out of range,
// a word that is not one of those allowed: each is a [Fault] with line, column, key
// path, what is wrong and what was expected, and all of them are reported at once
// ([Errors]). A key whose feature is still to come is refused in those words unless
// it stands at its default.
//
// What a key is, its default and its meaning stand in one place, the table in
// keys.go; [Reference] prints it. The package decides nothing about people and opens
// nothing: a [Secret] is looked up only when it is needed.
package config
