package scim

// What the tests of this package's outside share with those of its inside.
var (
	UserBody  = userBody
	GroupBody = groupBody
	PatchBody = patchBody
	Filtered  = filtered
	JSONOf    = jsonOf
	Normal    = normal
	Dig       = dig
)
