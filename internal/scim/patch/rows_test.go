package patch

import "testing"

func TestAdd(t *testing.T) {
	check(t, []row{
		{"M-09 without path merges", strict, `[{"op":"add","value":{"nickName":"B","emails":[{"value":"b@example.com","type":"other"}]}}]`,
			`{"nickName":"B","emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"},{"value":"b@example.com","type":"other"}]}`, ""},
		{"M-10 string", strict, `[{"op":"add","value":"x"}]`, "", "invalidValue"},
		{"M-10 list", strict, `[{"op":"add","value":[{"title":"x"}]}]`, "", "invalidValue"},
		{"M-10 null", strict, `[{"op":"replace","value":null}]`, "", "invalidValue"},
		{"M-10 missing", strict, `[{"op":"replace"}]`, "", "invalidValue"},
		{"M-10 empty object", strict, `[{"op":"replace","value":{}}]`, "", ""},
		{"M-11 add without value", strict, `[{"op":"add","path":"title"}]`, "", "invalidValue"},
		{"M-11 replace without value", strict, `[{"op":"replace","path":"title"}]`, "", "invalidValue"},
		{"M-12 single value replaces", strict, `[{"op":"add","path":"title","value":"A"},{"op":"add","path":"title","value":"B"}]`, `{"title":"B"}`, ""},
		{"M-13 unset attribute", strict, `[{"op":"add","path":"nickName","value":"B"}]`, `{"nickName":"B"}`, ""},
		{"M-14 list appends", strict, `[{"op":"add","path":"phoneNumbers","value":[{"value":"1"},{"value":"2"}]}]`, `{"phoneNumbers":[{"value":"1"},{"value":"2"}]}`, ""},
		{"M-14 object appends", strict, `[{"op":"add","path":"phoneNumbers","value":{"value":"1"}}]`, `{"phoneNumbers":[{"value":"1"}]}`, ""},
		{"M-14 simple list appends", strict, `[{"op":"add","path":"<wis>:customerIds","value":["c-2","c-3"]}]`, `{"<wis>":{"customerIds":["c-1","c-2","c-3"]}}`, ""},
		{"M-14 simple value appends", strict, `[{"op":"add","path":"<wis>:customerIds","value":"c-3"}]`, `{"<wis>":{"customerIds":["c-1","c-2","c-3"]}}`, ""},
		{"M-15 same e-mail", strict, `[{"op":"add","path":"emails","value":[{"value":"ann@example.com","type":"work","primary":true}]}]`, "", ""},
		{"M-15 same title", strict, `[{"op":"add","path":"title","value":"Engineer"}]`, "", ""},
		{"M-15 same everything", strict, `[{"op":"add","value":` + ann + `}]`, "", ""},
		{"M-15 replaced by the same", strict, `[{"op":"replace","value":` + ann + `}]`, "", ""},
		{"M-16 value and type decide, the rest is merged in", strict, `[{"op":"add","path":"emails","value":{"value":"ann@home.test","type":"home","display":"Home"}}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home","display":"Home"}]}`, ""},
		{"M-16 a type that is not given is any", strict, `[{"op":"add","path":"emails","value":{"value":"ann@home.test"}}]`, "", ""},
		{"M-16 another type is another value", strict, `[{"op":"add","path":"emails","value":{"value":"ann@home.test","type":"other"}}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"},{"value":"ann@home.test","type":"other"}]}`, ""},
		{"M-16 an address is there if all of it is", strict, `[{"op":"add","path":"addresses","value":{"type":"work","locality":"Lyon"}},{"op":"add","path":"addresses","value":{"type":"work","locality":"Nice"}}]`,
			`{"addresses":[{"type":"work","locality":"Lyon"},{"type":"home","locality":"Bonn"},{"type":"work","locality":"Nice"}]}`, ""},
		{"M-16 a key is there once", strict, `[{"op":"add","path":"<wis>:attributes","value":[{"key":"plan","value":"2"},{"key":"seats","value":"1"}]}]`,
			`{"<wis>":{"attributes":[{"key":"plan","value":"2"},{"key":"tier","value":"1"},{"key":"seats","value":"1"}]}}`, ""},
		{"M-16 a key is needed", strict, `[{"op":"add","path":"<wis>:attributes","value":[{"value":"1"}]}]`, "", "invalidValue"},
		{"M-17 complex merges", strict, `[{"op":"add","path":"name","value":{"givenName":"Anna","middleName":"B"}}]`, `{"name":{"givenName":"Anna","middleName":"B","familyName":"Lee"}}`, ""},
		{"M-18 sub-attribute", strict, `[{"op":"add","path":"name.middleName","value":"B"}]`, `{"name":{"givenName":"Ann","familyName":"Lee","middleName":"B"}}`, ""},
		{"M-18 sub-attribute of nothing", strict, `[{"op":"remove","path":"name"},{"op":"add","path":"name.middleName","value":"B"}]`, `{"name":{"middleName":"B"}}`, ""},
		{"M-19 filter", strict, `[{"op":"add","path":"emails[type eq \"work\"].display","value":"D"}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true,"display":"D"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-19 filter without sub-attribute merges", strict, `[{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"D"}}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true,"display":"D"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-19 no match", strict, `[{"op":"add","path":"emails[type eq \"other\"].value","value":"x@example.com"}]`, "", "noTarget"},
		{"M-19 no match, lenient: created", lenient, `[{"op":"add","path":"emails[type eq \"other\"].value","value":"x@example.com"}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"},{"value":"x@example.com","type":"other"}]}`, ""},
		{"M-20 only the real change counts", strict, `[{"op":"add","path":"title","value":"Engineer"},{"op":"replace","path":"nickName","value":"N"}]`, `{"nickName":"N"}`, ""},
		{"M-41 adding nothing to a list", strict, `[{"op":"add","path":"emails","value":[]},{"op":"add","path":"emails","value":null},{"op":"add","path":"emails","value":[null,{}]}]`, "", ""},
		{"M-41 adding nothing to single values unsets them", strict, `[{"op":"add","path":"title","value":null},{"op":"add","path":"name.givenName","value":""}]`, `{"title":null,"name":{"familyName":"Lee"}}`, ""},
	})
}

func TestRemove(t *testing.T) {
	check(t, []row{
		{"M-21 without path", strict, `[{"op":"remove"}]`, "", "noTarget"},
		{"M-21 without path, with value", lenient, `[{"op":"remove","value":{"title":"Engineer"}}]`, "", "noTarget"},
		{"M-22 single value", strict, `[{"op":"remove","path":"title"}]`, `{"title":null}`, ""},
		{"M-23 whole list", strict, `[{"op":"remove","path":"emails"}]`, `{"emails":null}`, ""},
		{"M-23 whole simple list", strict, `[{"op":"remove","path":"<wis>:customerIds"}]`, `{"<wis>":{"customerIds":null}}`, ""},
		{"M-24 filter", strict, `[{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}]`, `{"emails":[{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-24 key of the extension's list", strict, `[{"op":"remove","path":"<wis>:attributes[key eq \"plan\"]"}]`, `{"<wis>":{"attributes":[{"key":"tier","value":"1"}]}}`, ""},
		{"M-25 last value", strict, `[{"op":"remove","path":"emails[value pr]"}]`, `{"emails":null}`, ""},
		{"M-25 last sub-attribute", strict, `[{"op":"remove","path":"name.givenName"},{"op":"remove","path":"name.familyName"}]`, `{"name":null}`, ""},
		{"M-25 last sub-attribute of every value", strict, `[{"op":"remove","path":"addresses.locality"},{"op":"remove","path":"addresses.type"}]`, `{"addresses":null}`, ""},
		{"M-26 sub-attribute", strict, `[{"op":"remove","path":"name.familyName"}]`, `{"name":{"givenName":"Ann"}}`, ""},
		{"M-26 sub-attribute by filter", strict, `[{"op":"remove","path":"emails[type eq \"work\"].primary"}]`, `{"emails":[{"value":"ann@example.com","type":"work"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-27 required", strict, `[{"op":"remove","path":"userName"}]`, "", "mutability"},
		{"M-27 required sub-attribute", strict, `[{"op":"remove","path":"<wis>:attributes[key eq \"plan\"].key"}]`, "", "mutability"},
		{"M-28 id", strict, `[{"op":"remove","path":"id"}]`, "", "mutability"},
		{"M-28 meta", strict, `[{"op":"remove","path":"meta"}]`, "", "mutability"},
		{"M-28 meta.created", strict, `[{"op":"remove","path":"meta.created"}]`, "", "mutability"},
		{"M-28 groups", strict, `[{"op":"remove","path":"groups"}]`, "", "mutability"},
		{"M-28 groups by filter", strict, `[{"op":"remove","path":"groups[value eq \"g\"]"}]`, "", "mutability"},
		{"M-28 delivery", strict, `[{"op":"remove","path":"<wis>:delivery"}]`, "", "mutability"},
		{"M-30 unset", strict, `[{"op":"remove","path":"nickName"},{"op":"remove","path":"name.middleName"},{"op":"remove","path":"phoneNumbers"},{"op":"remove","path":"<ent>:costCenter"}]`, "", ""},
		{"M-31 filter without match", strict, `[{"op":"remove","path":"emails[type eq \"other\"]"},{"op":"remove","path":"emails[type eq \"other\"].value"},{"op":"remove","path":"ims[type eq \"x\"]"}]`, "", ""},
		{"M-32 a list as value, strict", strict, `[{"op":"remove","path":"emails","value":[{"value":"ann@home.test"}]}]`, "", "invalidSyntax"},
		{"M-32 a list as value", lenient, `[{"op":"remove","path":"emails","value":[{"value":"ann@home.test"}]}]`, `{"emails":[{"value":"ann@example.com","type":"work","primary":true}]}`, ""},
		{"M-32 one object as value", lenient, `[{"op":"remove","path":"emails","value":{"value":"ann@home.test","type":"home"}}]`, `{"emails":[{"value":"ann@example.com","type":"work","primary":true}]}`, ""},
		{"M-32 named by another sub-attribute", lenient, `[{"op":"remove","path":"addresses","value":[{"type":"home"}]}]`, `{"addresses":[{"type":"work","locality":"Lyon"}]}`, ""},
		{"M-32 simple values", lenient, `[{"op":"remove","path":"<wis>:customerIds","value":["c-1","c-9"]}]`, `{"<wis>":{"customerIds":["c-2"]}}`, ""},
		{"M-32 nobody listed", lenient, `[{"op":"remove","path":"emails","value":[]}]`, "", ""},
		{"M-32 others listed", lenient, `[{"op":"remove","path":"emails","value":[{"value":"x"},{"value":"ann@home.test","type":"work"}]}]`, "", ""},
		{"M-32 null is no value", strict, `[{"op":"remove","path":"emails","value":null}]`, `{"emails":null}`, ""},
		{"M-32 wrong type", lenient, `[{"op":"remove","path":"emails","value":"ann@home.test"}]`, "", "invalidValue"},
		{"M-32 empty text", lenient, `[{"op":"remove","path":"emails","value":""}]`, "", "invalidValue"},
		{"M-32 the value decides nothing of a single one", strict, `[{"op":"remove","path":"title","value":"Other"}]`, `{"title":null}`, ""},
	})
}

func TestReplace(t *testing.T) {
	check(t, []row{
		{"M-33 without path", strict, `[{"op":"replace","value":{"active":false,"emails":[{"value":"x@example.com"}]}}]`, `{"active":false,"emails":[{"value":"x@example.com"}]}`, ""},
		{"M-34 single value", strict, `[{"op":"replace","path":"title","value":"Chief"}]`, `{"title":"Chief"}`, ""},
		{"M-35 list", strict, `[{"op":"replace","path":"emails","value":[{"value":"x@example.com"},{"value":"y@example.com"}]}]`, `{"emails":[{"value":"x@example.com"},{"value":"y@example.com"}]}`, ""},
		{"M-36 unset attribute", strict, `[{"op":"replace","path":"nickName","value":"N"},{"op":"replace","path":"ims","value":[{"value":"i"}]}]`, `{"nickName":"N","ims":[{"value":"i"}]}`, ""},
		{"M-37 complex merges", strict, `[{"op":"replace","path":"name","value":{"familyName":"Ray"}}]`, `{"name":{"givenName":"Ann","familyName":"Ray"}}`, ""},
		{"M-37 complex merges without path", strict, `[{"op":"replace","value":{"name":{"familyName":"Ray"}}}]`, `{"name":{"givenName":"Ann","familyName":"Ray"}}`, ""},
		{"M-37 null inside takes away", strict, `[{"op":"replace","path":"name","value":{"familyName":null,"givenName":""}}]`, `{"name":null}`, ""},
		{"M-38 every match", strict, `[{"op":"replace","path":"addresses[type pr]","value":{"type":"work","locality":"Nice"}}]`, `{"addresses":[{"type":"work","locality":"Nice"},{"type":"work","locality":"Nice"}]}`, ""},
		{"M-38 the whole value", strict, `[{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x@example.com"}}]`, `{"emails":[{"value":"x@example.com"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-55 manager as text, strict", strict, `[{"op":"replace","path":"<ent>:manager","value":"m2"}]`, "", "invalidValue"},
		{"M-55 manager by nothing", strict, `[{"op":"replace","path":"<ent>:manager","value":null}]`, `{"<ent>":{"manager":null}}`, ""},
		{"M-55 manager with an empty value", strict, `[{"op":"replace","path":"<ent>:manager","value":{"value":""}}]`, `{"<ent>":{"manager":null}}`, ""},
		{"M-38 by nothing", strict, `[{"op":"replace","path":"emails[type eq \"work\"]","value":null}]`, `{"emails":[{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-38 by an empty object", strict, `[{"op":"replace","path":"emails[type eq \"work\"]","value":{}}]`, "", "invalidValue"},
		{"M-38 by a list", strict, `[{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"x"}]}]`, "", "invalidValue"},
		{"M-39 sub-attribute of all matches", strict, `[{"op":"replace","path":"addresses[type pr].locality","value":"Nice"}]`, `{"addresses":[{"type":"work","locality":"Nice"},{"type":"home","locality":"Nice"}]}`, ""},
		{"M-39 sub-attribute without filter", strict, `[{"op":"replace","path":"addresses.locality","value":"Nice"}]`, `{"addresses":[{"type":"work","locality":"Nice"},{"type":"home","locality":"Nice"}]}`, ""},
		{"M-40 no match", strict, `[{"op":"replace","path":"emails[type eq \"other\"]","value":{"value":"x"}}]`, "", "noTarget"},
		{"M-40 no match for a sub-attribute", strict, `[{"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}]`, "", "noTarget"},
		{"M-40 no list", strict, `[{"op":"replace","path":"ims[type eq \"other\"].value","value":"x"}]`, "", "noTarget"},
		{"M-40 no list and no filter", lenient, `[{"op":"replace","path":"ims.value","value":"x"}]`, "", "noTarget"},
		{"M-40 lenient: created", lenient, `[{"op":"replace","path":"ims[type eq \"xmpp\"].value","value":"x"}]`, `{"ims":[{"type":"xmpp","value":"x"}]}`, ""},
		{"M-40 lenient: created whole", lenient, `[{"op":"replace","path":"ims[type eq \"xmpp\"]","value":{"value":"x"}}]`, `{"ims":[{"type":"xmpp","value":"x"}]}`, ""},
		{"M-40 lenient: created from several conditions", lenient, `[{"op":"add","path":"ims[type eq \"xmpp\" and primary eq true].value","value":"x"}]`, `{"ims":[{"type":"xmpp","value":"x","primary":true}]}`, ""},
		{"M-40 lenient: a key", lenient, `[{"op":"add","path":"<wis>:attributes[key eq \"seats\"].value","value":"9"}]`, `{"<wis>":{"attributes":[{"key":"plan","value":"1"},{"key":"tier","value":"1"},{"key":"seats","value":"9"}]}}`, ""},
		{"M-40 lenient: not from `or`", lenient, `[{"op":"add","path":"ims[type eq \"a\" or type eq \"b\"].value","value":"x"}]`, "", "noTarget"},
		{"M-40 lenient: not from `co`", lenient, `[{"op":"add","path":"ims[type co \"a\"].value","value":"x"}]`, "", "noTarget"},
		{"M-40 lenient: not what would not match", lenient, `[{"op":"replace","path":"emails[value eq \"gone@example.com\"].value","value":"new@example.com"}]`, "", "noTarget"},
		{"M-40 lenient: nothing is created of nothing", lenient, `[{"op":"replace","path":"ims[type eq \"xmpp\"].value","value":""},{"op":"replace","path":"ims[type eq \"xmpp\"]","value":null}]`, "", ""},
		{"M-41 null", strict, `[{"op":"replace","path":"title","value":null},{"op":"replace","path":"emails","value":null},{"op":"replace","path":"name","value":null}]`, `{"title":null,"emails":null,"name":null}`, ""},
		{"M-41 empty list", strict, `[{"op":"replace","path":"title","value":[]},{"op":"replace","path":"emails","value":[]},{"op":"replace","path":"<wis>:customerIds","value":[]}]`, `{"title":null,"emails":null,"<wis>":{"customerIds":null}}`, ""},
		{"M-41 list of nulls", strict, `[{"op":"replace","path":"emails","value":[null]}]`, `{"emails":null}`, ""},
		{"M-41 null without path", strict, `[{"op":"replace","value":{"title":null,"emails":[]}}]`, `{"title":null,"emails":null}`, ""},
		{"M-41 null for a required one", strict, `[{"op":"replace","path":"userName","value":null}]`, "", "mutability"},
		{"M-41 null for a required one without path", strict, `[{"op":"replace","value":{"userName":null}}]`, "", "mutability"},
		{"M-41 null for a readOnly one", strict, `[{"op":"replace","path":"id","value":null}]`, "", "mutability"},
		{"M-62 empty text", strict, `[{"op":"replace","path":"title","value":""},{"op":"replace","value":{"externalId":""}}]`, `{"title":null,"externalId":null}`, ""},
		{"M-62 empty text for a required one", strict, `[{"op":"replace","path":"userName","value":""}]`, "", "invalidValue"},
		{"M-62 blank text for a required one", strict, `[{"op":"replace","path":"userName","value":"  "}]`, "", "invalidValue"},
		{"M-62 empty text for a boolean", strict, `[{"op":"replace","path":"active","value":""}]`, "", "invalidValue"},
		{"M-62 empty text for a list", strict, `[{"op":"replace","path":"<wis>:customerIds","value":""}]`, "", "invalidValue"},
		{"M-63 password", strict, `[{"op":"replace","path":"password","value":"hunter2"},{"op":"add","value":{"password":"x"}},{"op":"remove","path":"password"}]`, "", ""},
		{"M-63 password of a wrong type", strict, `[{"op":"replace","path":"password","value":7}]`, "", "invalidValue"},
		{"M-69 suspend by path", strict, `[{"op":"replace","path":"active","value":false}]`, `{"active":false}`, ""},
		{"M-69 suspend by value", strict, `[{"op":"replace","value":{"active":false}}]`, `{"active":false}`, ""},
	})
}

func TestPrimary(t *testing.T) {
	const homePrimary = `{"emails":[{"value":"ann@example.com","type":"work","primary":false},{"value":"ann@home.test","type":"home","primary":true}]}`
	check(t, []row{
		{"M-42 by add", strict, `[{"op":"add","path":"emails","value":{"value":"n@example.com","primary":true}}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":false},{"value":"ann@home.test","type":"home"},{"value":"n@example.com","primary":true}]}`, ""},
		{"M-42 by add of what is there", strict, `[{"op":"add","path":"emails","value":{"value":"ann@home.test","type":"home","primary":true}}]`, homePrimary, ""},
		{"M-42 by filter", strict, `[{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}]`, homePrimary, ""},
		{"M-42 by filter on the value", strict, `[{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"ann@home.test","type":"home","primary":true}}]`, homePrimary, ""},
		{"M-42 by replace", strict, `[{"op":"replace","path":"emails","value":[{"value":"a"},{"value":"b","primary":true}]}]`, `{"emails":[{"value":"a"},{"value":"b","primary":true}]}`, ""},
		{"M-42 by creation", lenient, `[{"op":"add","path":"emails[primary eq true and type eq \"other\"].value","value":"n@example.com"}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":false},{"value":"ann@home.test","type":"home"},{"value":"n@example.com","type":"other","primary":true}]}`, ""},
		{"M-42 again", strict, `[{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}]`, "", ""},
		{"M-43 two in one list", strict, `[{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}]`, "", "invalidValue"},
		{"M-43 two added", strict, `[{"op":"add","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}]`, "", "invalidValue"},
		{"M-43 two matches", strict, `[{"op":"replace","path":"emails[value pr].primary","value":true}]`, "", "invalidValue"},
		{"M-64 or", strict, `[{"op":"replace","path":"emails[type eq \"home\" or primary eq true].display","value":"D"}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true,"display":"D"},{"value":"ann@home.test","type":"home","display":"D"}]}`, ""},
		{"M-64 not", strict, `[{"op":"remove","path":"emails[not (type eq \"home\")]"}]`, `{"emails":[{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-64 boolean as text, strict", strict, `[{"op":"replace","path":"emails[primary eq \"True\"].display","value":"D"}]`, "", "invalidFilter"},
		{"M-64 boolean as text", lenient, `[{"op":"replace","path":"emails[primary eq \"True\"].display","value":"D"}]`,
			`{"emails":[{"value":"ann@example.com","type":"work","primary":true,"display":"D"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-64 the primary role is created", lenient, `[{"op":"add","path":"roles[primary eq \"True\"].value","value":"ADMIN"},{"op":"add","path":"roles[primary eq \"True\"].display","value":"Admin"}]`,
			`{"roles":[{"value":"ADMIN","display":"Admin","primary":true}]}`, ""},
	})
}

func TestMutability(t *testing.T) {
	check(t, []row{
		{"M-44 id", strict, `[{"op":"replace","path":"id","value":"x"}]`, "", "mutability"},
		{"M-44 meta.created", strict, `[{"op":"replace","path":"meta.created","value":"1999-01-01T00:00:00Z"}]`, "", "mutability"},
		{"M-44 groups", strict, `[{"op":"add","path":"groups","value":[{"value":"g"}]}]`, "", "mutability"},
		{"M-44 groups.value", strict, `[{"op":"add","path":"groups.value","value":"g"}]`, "", "mutability"},
		{"M-44 manager.displayName", strict, `[{"op":"replace","path":"<ent>:manager.displayName","value":"x"}]`, "", "mutability"},
		{"M-45 without path", strict, `[{"op":"replace","value":{"id":"x","meta":{"created":"x"},"groups":[],"schemas":["<core>"],"title":"T"}}]`, `{"title":"T"}`, ""},
		{"M-45 in a complex value", strict, `[{"op":"replace","path":"<ent>:manager","value":{"value":"m2","displayName":"Max"}}]`, `{"<ent>":{"manager":{"value":"m2"}}}`, ""},
		{"M-45 with something wrong", strict, `[{"op":"replace","value":{"id":"x","title":7}}]`, "", "invalidValue"},
		{"M-46 immutable, first value", strict, `[{"op":"add","path":"<wis>:badge","value":"b1"}]`, `{"<wis>":{"badge":"b1"}}`, ""},
		{"M-46 immutable, another", strict, `[{"op":"add","path":"<wis>:badge","value":"b1"},{"op":"add","path":"<wis>:badge","value":"b2"}]`, "", "mutability"},
		{"M-46 immutable, the same", strict, `[{"op":"add","path":"<wis>:badge","value":"b1"},{"op":"replace","path":"<wis>:badge","value":"b1"}]`, `{"<wis>":{"badge":"b1"}}`, ""},
		{"M-46 immutable, removed", strict, `[{"op":"add","path":"<wis>:badge","value":"b1"},{"op":"remove","path":"<wis>:badge"}]`, "", "mutability"},
		{"M-46 immutable, removed with its extension", strict, `[{"op":"add","path":"<wis>:badge","value":"b1"},{"op":"remove","path":"<wis>"}]`, "", "mutability"},
		{"M-46 immutable, unset removed", strict, `[{"op":"remove","path":"<wis>:badge"}]`, "", ""},
		{"M-46 immutable complex value, first", strict, `[{"op":"add","path":"<wis>:desk","value":{"room":"1"}}]`, `{"<wis>":{"desk":{"room":"1"}}}`, ""},
		{"M-46 immutable complex value, more of it", strict, `[{"op":"add","path":"<wis>:desk","value":{"room":"1"}},{"op":"add","path":"<wis>:desk.floor","value":"2"}]`, "", "mutability"},
		{"M-46 immutable complex value, less of it", strict, `[{"op":"add","path":"<wis>:desk","value":{"room":"1"}},{"op":"remove","path":"<wis>:desk.room"}]`, "", "mutability"},
		{"M-46 immutable complex value, removed", strict, `[{"op":"add","path":"<wis>:desk","value":{"room":"1"}},{"op":"remove","path":"<wis>:desk"}]`, "", "mutability"},
		{"M-46 immutable complex value, the same", strict, `[{"op":"add","path":"<wis>:desk","value":{"room":"1"}},{"op":"replace","path":"<wis>:desk","value":{"room":"1"}},{"op":"remove","path":"<wis>:desk.floor"}]`, `{"<wis>":{"desk":{"room":"1"}}}`, ""},
		{"M-46 immutable list, first", strict, `[{"op":"add","path":"<wis>:keys","value":["a","b"]},{"op":"add","path":"<wis>:keys","value":["b"]}]`, `{"<wis>":{"keys":["a","b"]}}`, ""},
		{"M-46 immutable list, one more", strict, `[{"op":"add","path":"<wis>:keys","value":["a"]},{"op":"add","path":"<wis>:keys","value":["b"]}]`, "", "mutability"},
		{"M-46 immutable list, removed", strict, `[{"op":"add","path":"<wis>:keys","value":["a"]},{"op":"remove","path":"<wis>:keys"}]`, "", "mutability"},
		{"M-61 add a schema the type has", strict, `[{"op":"add","path":"schemas","value":["<wis>"]},{"op":"add","path":"schemas","value":"<ent>"}]`, "", ""},
		{"M-61 add one it has not", strict, `[{"op":"add","path":"schemas","value":["urn:nope"]}]`, "", "invalidValue"},
		{"M-61 remove", strict, `[{"op":"remove","path":"schemas"}]`, "", "mutability"},
		{"M-61 remove the base", lenient, `[{"op":"remove","path":"schemas","value":["<core>"]}]`, "", "mutability"},
		{"M-61 remove the base by filter", lenient, `[{"op":"remove","path":"schemas[value eq \"<core>\"]"}]`, "", "mutability"},
		{"M-61 replace without the base", strict, `[{"op":"replace","path":"schemas","value":["<wis>"]}]`, "", "mutability"},
		{"M-61 replace", strict, `[{"op":"replace","path":"schemas","value":["<core>","<wis>"]}]`, "", ""},
	})
}

func TestPaths(t *testing.T) {
	rows := []row{
		{"M-49 unknown", strict, `[{"op":"add","path":"nope","value":"x"}]`, "", "invalidPath"},
		{"M-49 unknown sub-attribute", strict, `[{"op":"add","path":"name.nope","value":"x"}]`, "", "invalidPath"},
		{"M-49 unknown extension", strict, `[{"op":"add","path":"urn:nope:2.0:User:title","value":"x"}]`, "", "invalidPath"},
		{"M-49 unknown keys are ignored", strict, `[{"op":"add","value":{"nope":1,"name":{"nope":1},"<ent>":{"nope":1},"urn:nope":{"title":"x"}}},{"op":"add","path":"emails","value":[{"nope":1}]}]`, "", ""},
		{"M-50 any case", strict, `[{"op":"replace","path":"TITLE","value":"T"},{"op":"replace","path":"NAME.givenname","value":"G"},{"op":"replace","path":"emails[TYPE eq \"work\"].DISPLAY","value":"D"}]`,
			`{"title":"T","name":{"givenName":"G","familyName":"Lee"},"emails":[{"value":"ann@example.com","type":"work","primary":true,"display":"D"},{"value":"ann@home.test","type":"home"}]}`, ""},
		{"M-50 with URN", strict, `[{"op":"replace","path":"<core>:title","value":"T"},{"op":"replace","path":"<core>:name.givenName","value":"G"}]`, `{"title":"T","name":{"givenName":"G","familyName":"Lee"}}`, ""},
		{"M-50 keys in any case", strict, `[{"op":"replace","value":{"TITLE":"T","Name":{"GIVENNAME":"G"},"Emails":[{"Value":"x"}]}}]`, `{"title":"T","name":{"givenName":"G","familyName":"Lee"},"emails":[{"value":"x"}]}`, ""},
		{"M-51 extension", strict, `[{"op":"replace","path":"<ent>:department","value":"X"},{"op":"add","path":"<ent>:manager.value","value":"m2"}]`, `{"<ent>":{"department":"X","manager":{"value":"m2"}}}`, ""},
		{"M-51 extension that is not there", strict, `[{"op":"remove","path":"<ent>"},{"op":"add","path":"<ent>:costCenter","value":"X"}]`, `{"<ent>":{"department":null,"manager":null,"costCenter":"X"}}`, ""},
		{"M-51 the last attribute of an extension", strict, `[{"op":"remove","path":"<ent>:department"},{"op":"remove","path":"<ent>:manager"}]`, `{"<ent>":{"department":null,"manager":null}}`, ""},
		{"M-52 add merges", strict, `[{"op":"add","path":"<ent>","value":{"costCenter":"X"}}]`, `{"<ent>":{"costCenter":"X"}}`, ""},
		{"M-52 replace merges", strict, `[{"op":"replace","path":"<ent>","value":{"costCenter":"X","department":null}}]`, `{"<ent>":{"costCenter":"X","department":null}}`, ""},
		{"M-52 remove", strict, `[{"op":"remove","path":"<ent>"}]`, `{"<ent>":{"department":null,"manager":null}}`, ""},
		{"M-52 replace by null", strict, `[{"op":"replace","path":"<ent>","value":null}]`, `{"<ent>":{"department":null,"manager":null}}`, ""},
		{"M-52 add null", strict, `[{"op":"add","path":"<ent>","value":null}]`, "", ""},
		{"M-52 not an object", strict, `[{"op":"add","path":"<ent>","value":"x"}]`, "", "invalidValue"},
		{"M-53 without path", strict, `[{"op":"replace","value":{"<ent>":{"department":"X"},"<wis>":{"region":"emea","customerIds":["c-9"]}}}]`, `{"<ent>":{"department":"X"},"<wis>":{"region":"emea","customerIds":["c-9"]}}`, ""},
		{"M-53 the core's URN as key", strict, `[{"op":"replace","value":{"<core>":{"title":"T"}}}]`, `{"title":"T"}`, ""},
		{"M-54 flat keys are not ignored, strict", strict, `[{"op":"replace","value":{"name.givenName":"A","title":"T"}}]`, "", "invalidPath"},
		{"M-54 flat keys are not ignored, strict, URN", strict, `[{"op":"replace","value":{"<core>:active":false}}]`, "", "invalidPath"},
		{"M-49 M-45 flat keys that mean nothing, or are readOnly", strict, `[{"op":"replace","value":{"nope.x":1,"urn:nope:User:x":1,"meta.created":"x","<ent>:manager.displayName":"x","title":"T"}}]`, `{"title":"T"}`, ""},
		{"F-34 brackets on one complex value", strict, `[{"op":"replace","path":"name[familyName eq \"Lee\"].givenName","value":"G"}]`, `{"name":{"givenName":"G","familyName":"Lee"}}`, ""},
		{"F-34 no match", strict, `[{"op":"replace","path":"name[familyName eq \"Ray\"].givenName","value":"G"}]`, "", "noTarget"},
		{"F-34 remove without match", strict, `[{"op":"remove","path":"name[familyName eq \"Ray\"]"}]`, "", ""},
		{"a simple list by filter", lenient, `[{"op":"remove","path":"<wis>:customerIds[value eq \"c-1\"]"},{"op":"replace","path":"<wis>:customerIds[value eq \"c-2\"]","value":"c-3"},{"op":"add","path":"<wis>:customerIds[value eq \"c-4\"]","value":"c-4"}]`, `{"<wis>":{"customerIds":["c-3","c-4"]}}`, ""},
		{"M-57 index", strict, `[{"op":"replace","path":"emails[0]","value":{"value":"x"}}]`, "", "invalidPath"},
		{"M-57 slash", strict, `[{"op":"replace","path":"emails/0","value":{"value":"x"}}]`, "", "invalidPath"},
	}
	for _, path := range []string{`emails[`, `emails[type eq]`, `.x`, `a..b`, `1a`, ``, ` `, `emails[type eq \"work\"]x`, `emails[type eq \"work\"`, `emails]`, `name.`, `name.givenName.x`, `title[value eq \"x\"]`} {
		rows = append(rows, row{"M-48 " + path, strict, `[{"op":"replace","path":"` + path + `","value":"x"}]`, "", "invalidPath"})
	}
	// Well-formed brackets that make no sense may be either.
	rows = append(rows, row{"M-48 bad filter", strict, `[{"op":"replace","path":"emails[type gt true]","value":"x"}]`, "", "invalidFilter"})
	check(t, rows)
}

func TestTypes(t *testing.T) {
	rows := []row{
		{"C-20 integer", strict, `[{"op":"replace","path":"<wis>:seats","value":10}]`, `{"<wis>":{"seats":10}}`, ""},
		{"C-20 decimal", strict, `[{"op":"replace","path":"<wis>:rate","value":10}]`, `{"<wis>":{"rate":10}}`, ""},
		{"M-15 the same integer", strict, `[{"op":"replace","path":"<wis>:seats","value":3}]`, "", ""},
	}
	for _, op := range []string{
		`"path":"active","value":"maybe"`, `"path":"active","value":"False"`, `"path":"active","value":1`,
		`"path":"title","value":{}`, `"path":"title","value":{"value":"x"}`, `"path":"title","value":7`, `"path":"title","value":["x"]`,
		`"path":"emails","value":"x"`, `"path":"emails","value":["x"]`, `"path":"emails","value":{"value":"x"}`, `"path":"emails","value":[{"value":7}]`,
		`"path":"emails[type eq \"work\"]","value":"x"`, `"path":"emails[type eq \"work\"].primary","value":"true"`, `"path":"emails[type eq \"work\"].value","value":{"value":"x"}`,
		`"path":"name","value":"x"`, `"path":"name","value":[{"givenName":"x"}]`, `"path":"name","value":{"givenName":7}`, `"path":"name.givenName","value":false`,
		`"path":"<wis>:customerIds","value":[1]`, `"path":"<wis>:customerIds","value":"c-1"`, `"path":"<wis>:customerIds","value":[["c-1"]]`,
		`"path":"<wis>:seats","value":1.5`, `"path":"<wis>:seats","value":1e3`, `"path":"<wis>:seats","value":"3"`, `"path":"<wis>:seats","value":99999999999999999999`,
		`"path":"<wis>:rate","value":"1.5"`, `"path":"<wis>:hired","value":"2020-01-01"`,
		`"path":"title","value":"a\u0000b"`,
		`"value":{"active":"maybe"}`, `"value":{"emails":"x"}`, `"value":{"<ent>":"x"}`, `"value":{"<ent>":{"department":1}}`, `"value":{"name":[]  ,"title":1}`,
	} {
		rows = append(rows, row{"M-56 " + op, strict, `[{"op":"replace",` + op + `}]`, "", "invalidValue"})
	}
	check(t, rows)
}

func TestList(t *testing.T) {
	check(t, []row{
		{"M-07 a bad operation undoes the good one", strict, `[{"op":"replace","path":"title","value":"Before"},{"op":"replace","path":"emails[type eq \"x\"].value","value":"v"}]`, "", "noTarget"},
		{"M-08 in order", strict, `[{"op":"add","path":"nickName","value":"A"},{"op":"replace","path":"nickName","value":"B"},{"op":"remove","path":"nickName"}]`, "", ""},
		{"M-08 on what came before", strict, `[{"op":"add","path":"emails","value":{"value":"n","type":"new"}},{"op":"replace","path":"emails[type eq \"new\"].display","value":"D"},{"op":"remove","path":"emails[type eq \"work\"]"}]`,
			`{"emails":[{"value":"ann@home.test","type":"home"},{"value":"n","type":"new","display":"D"}]}`, ""},
		{"C-24 equal values become one", strict, `[{"op":"replace","path":"emails.value","value":"x"},{"op":"replace","path":"emails.type","value":"work"}]`, `{"emails":[{"value":"x","type":"work","primary":true}]}`, ""},
	})
}
