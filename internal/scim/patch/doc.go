// Package patch is SCIM's PATCH (RFC 7644 section 3.5.2): it reads a PatchOp message
// and says what it does to a resource.
//
// [Decode] settles everything that the request shows by itself: the message, the
// paths, which attribute each operation means and whether it may be written, the
// types of the values. What is left is a [Request], a list of steps that can be
// applied any number of times:
//
//   - [Request.Apply] to a document, as a pure function: the whole document goes in and comes out.
//   - [Request.GroupChanges] to a group that nobody has read: steps that package
//     directory carries out on rows, so that adding one member to a group of a
//     hundred thousand costs the same as to a group of ten.
//
// Every error is a scimerrors.ScimError, or an [Error] around one, with a scimType of RFC
// 7644 table 9 and a detail that names the operation by its place in the list, its path and
// what was expected.
//
// # What IdPs send instead
//
// The package takes what the RFC defines, and where the RFC is silent what the
// project's checklist says (its rows M-01 to M-69 are the names of the tests). Most of
// what identity providers send beyond that, package dialect brings into this form
// before. Three habits need the resource or the message as a whole and are switches in
// [Options], named for the dialect's rules: FilterCreates, RemoveListed, EmptyOperations.
//
// It knows nothing of HTTP, of the store, or of whether a value is unique.
package patch
