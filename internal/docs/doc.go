// Package docs keeps README.md and docs/ true: its tests read them and
// compare what they say with the code. It has no code of its own.
//
//   - the table of packages in docs/architecture.md is the direction of imports: an
//     import that the table does not have, or that points up in it, fails;
//   - docs/configuration.md is config.Reference(), and the configurations that the
//     documents show load;
//   - links between files lead somewhere.
//
// Commands that the documents name are tested where the commands are, in cmd/scimbridge.
package docs
