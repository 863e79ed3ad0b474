// Package directory is the heart of scimbridge: the users and groups an IdP wrote,
// the accounts at WisdomAI they stand for, and the convergence of the two.
//
// A write is validated against what only the directory knows (uniqueness, the
// mapping, the policies), committed as desired state, and only then delivered
// (V-01). Each account holds desired beside actual; the difference is computed at
// the moment a call is sent (V-12), and a call that was not answered is looked after
// until a settled look confirms it (V-16). The rules V-01 to V-42 of
// docs/convergence.md are what the code here is made of; their ids stand where they
// hold.
//
// It knows nothing of HTTP or of the SCIM protocol's syntax: package scim parses,
// validates and renders; this package decides.
package directory
