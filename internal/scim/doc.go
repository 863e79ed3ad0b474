// Package scim speaks the SCIM 2.0 protocol (RFC 7643, RFC 7644) for one tenant: it
// routes and authenticates requests, parses and validates what they carry, asks a
// [Directory] and renders its answers. Users, Groups, bulk, search, discovery, projection,
// paging, versions and errors are here; schemas, filters, PATCH, JSON bodies and the
// IdPs' dialects are in the folders below.
//
// It decides nothing about people: what is unique, what is delivered to WisdomAI and
// when is package directory's, of which it knows the words (types and error kinds)
// and nothing else. It knows nothing of WisdomAI, the store or tokens.
//
// # Order of checks
//
// A request that is wrong in several ways gets the first of: 401/403 credentials,
// 404 no such endpoint or resource, 405 method, 415 media type, 413 size, 400 what
// the request itself shows, 412 version, 409 conflicts and 400 what only the
// resource's state shows (a path without target, an immutable attribute). The order
// is part of the interface (checklist Z-18).
package scim
