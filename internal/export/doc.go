// Package export reads what an identity provider exports of its people (SCIM resources as
// JSON, or a table as CSV) and says to a SCIM server what that provider would say about each of
// them: a look-up, a create or a replacement, and his groups. It is for plans: against a server
// whose writes are undone, it shows what connecting the provider would do.
package export
