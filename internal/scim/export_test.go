package scim

// What the tests of this package's outside share with those of its inside.
var (
	UserBody  = userBody
	GroupBody = groupBody
	PatchBody = patchBody
	BulkBody  = bulkBody
	Operation = op
	Filtered  = filtered
	JSONOf    = jsonOf
	Normal    = normal
	Dig       = dig
)
