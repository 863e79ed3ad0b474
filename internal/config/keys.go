package config

// rule is what is known about one key: the one place of its default, its bounds and
// its meaning. The Go type of the field in config.go says what kind of value it is.
type rule struct {
	def     string // default, as YAML; "" for tables and needed keys
	meaning string // one sentence or two, with the consequence
	needed  bool
	// later marks a key whose feature is still to come: only its default is taken.
	later bool
	words []string // the allowed ones
	form  string   // what a text must be: "HOST:PORT"
	// min and max bound numbers and durations, in the key's own spelling; "" is unbounded.
	min, max string
	// check looks at a text further and returns what is wrong with it, or "".
	check func(string) string
	// path and paths are the keys that a single value, or a list, in place of the
	// table stands for: `display_name: displayName` is {path: displayName}.
	path, paths string
}

// keys are the rules by path. NAME, KEY and VALUE stand for any key, [] for any
// entry of a list.
func keys() map[string]rule {
	const t = "tenants.NAME."
	return map[string]rule{
		"listen": {form: "HOST:PORT", def: "127.0.0.1:8080", check: checkListen,
			meaning: "Address of the SCIM server, HOST:PORT; port 0 picks a free one. Other than loopback needs public_url, and something in front that speaks TLS."},
		"admin_listen": {form: "HOST:PORT", def: "127.0.0.1:8081", check: checkListen,
			meaning: "Address of metrics and health; never the same as listen, because it asks for no token."},
		"public_url": {form: "an URL", def: "''", check: checkPublicURL,
			meaning: "What the IdP sees the server as; meta.location starts with it. Needed when listen is not loopback."},
		"store": {def: "sqlite:scimbridge.db",
			meaning: "Where the state is kept, with what was accepted and not yet delivered. sqlite:PATH is a file for one server, on a disk that survives the process. A PostgreSQL database serves several; its URL takes what libpq and pgx take, and holds no password in this file: the secret that a reference names may, or PGPASSWORD, PGPASSFILE and sslcert do without. Behind a pooler that pools transactions add default_query_exec_mode=exec (or simple_protocol)."},
		"tls":           {meaning: "TLS of the listener itself."},
		"tls.cert":      {def: "''", later: true, meaning: "PEM file of the certificate chain."},
		"tls.key":       {def: "''", later: true, meaning: "PEM file of the private key."},
		"tls.client_ca": {def: "''", later: true, meaning: "PEM file of the authorities whose client certificates are asked for (mTLS)."},
		"trusted_proxies": {def: "[]", later: true,
			meaning: "Networks whose forwarded headers count; from all others they are ignored."},
		"reload": {def: "signal", words: []string{"signal", "watch"},
			meaning: "When a running server reads this file again: on SIGHUP, or also when it changes. It takes over what decides what people have (see `scimbridge plan`); the rest waits for the next start, and the log says what that is."},
		"retention":            {meaning: "How long what has happened is kept."},
		"retention.events":     {def: "400d", min: "1d", meaning: "Age at which events leave the log."},
		"retention.tombstones": {def: "90d", min: "1d", meaning: "How long what a suspension or deletion took can be given back by `users restore`."},
		"log":                  {meaning: "What is written to stderr."},
		"log.level":            {def: "info", words: []string{"debug", "info", "warn", "error"}, meaning: "The least that is written."},
		"log.format":           {def: "text", words: []string{"text", "json"}, meaning: "One line of key=value, or one JSON object, an entry."},
		"log.redact":           {def: "true", meaning: "Hides e-mail addresses and names: a***@example.com. Secrets are never written, whatever stands here."},

		"tenants": {needed: true,
			meaning: "The tenants by name: lower-case letters, digits and hyphens. default is served at /scim/v2, any other NAME at /t/NAME/scim/v2."},
		"tenants.NAME": {meaning: "One SCIM base URL with its own tokens, mapping, policies and WisdomAI workspace."},
		t + "mode": {def: "enforce", words: []string{"enforce", "observe"},
			meaning: "enforce delivers; observe records, answers and lists, and delivers nothing, removals of access neither: `scimbridge pending` shows what waits."},
		t + "email_domains": {def: "['*']",
			meaning: "Domains whose addresses this tenant may see, create, adopt and rename to; '*' is any, '!x.com' leaves x.com out."},
		t + "plus_suffix": {def: "''",
			meaning: "Makes alice@example.com alice+SUFFIX@example.com at WisdomAI, and removes it again when shown over SCIM: for the same people in two workspaces."},

		t + "wisdom": {meaning: "The WisdomAI workspace to deliver to."},
		t + "wisdom.url": {form: "an URL", needed: true, check: checkWisdomURL,
			meaning: "GraphQL endpoint, https://ACCOUNT.wisdom.ai/graphql; https unless loopback, because the token goes there."},
		t + "wisdom.workspace": {form: "an id", needed: true, check: checkWord,
			meaning: "Workspace id. A store belongs to one workspace per tenant."},
		t + "wisdom.workspace_uri": {def: "''",
			meaning: "The workspace's name in group names of roles.naming_convention that carry one."},
		t + "wisdom.token": {needed: true,
			meaning: "The WisdomAI API key, with iam:read, iam:write and iam:delete (an ADMIN's); never the key itself."},
		t + "wisdom.token_expires": {def: "''",
			meaning: "Day the key expires, 2027-01-31; warned about 14 days before. WisdomAI does not tell, and by default a key lives 30 days."},
		t + "wisdom.exchange": {def: "auto", words: []string{"auto", "always", "never"},
			meaning: "Whether the key is traded for a short-lived JWT."},

		t + "auth": {meaning: "Who may call."},
		t + "auth.bearer": {def: "true", later: true,
			meaning: "Bearer tokens made by `scimbridge token create`. It is the only way in, so it cannot be switched off yet."},
		t + "auth.discovery": {def: "true",
			meaning: "/Schemas, /ResourceTypes and /ServiceProviderConfig need a token too; false shows them to anybody."},

		t + "scim": {meaning: "How the protocol is spoken."},
		t + "scim.strict": {def: "false",
			meaning: "Refuses what the RFC does not allow, instead of understanding what IdPs really send. For conformance tests; Entra ID and Okta need false."},
		t + "scim.unique_group_names": {def: "true",
			meaning: "A second group of the same displayName, without case, is 409: group names grant roles."},
		t + "scim.unique_external_id": {def: "false", meaning: "A second user of the same externalId is 409."},
		t + "scim.unknown_members": {def: "refuse", words: []string{"refuse", "drop"},
			meaning: "A group member that nobody knows is 400, or is left out."},

		t + "email": {def: "[userName, 'emails[primary eq true].value', emails.value]",
			meaning: "Where the WisdomAI address comes from: SCIM paths or {cel: EXPRESSION}, tried in order; the first that yields an address wins."},
		t + "email[]":      {path: "path", meaning: "A SCIM path, or {cel: EXPRESSION}."},
		t + "email[].path": {form: "a SCIM path", def: "''", meaning: "SCIM path of the address."},
		t + "email[].cel":  {form: "a CEL expression", def: "''", meaning: "CEL expression over user, wisdomai and groups that yields the address."},

		t + "attributes": {
			meaning: "WisdomAI attribute by key: a SCIM path, a list of paths (the first that has a value), or a table with one of path, paths, cel and value. Keys scim_* are reserved."},
		t + "attributes.KEY":       {path: "path", paths: "paths", meaning: "Where the value comes from. Row-level security may hang on it."},
		t + "attributes.KEY.path":  {form: "a SCIM path", def: "''", meaning: "SCIM path of the value."},
		t + "attributes.KEY.paths": {def: "[]", meaning: "SCIM paths; the first that has a value."},
		t + "attributes.KEY.cel":   {form: "a CEL expression", def: "''", meaning: "CEL expression over user, wisdomai and groups. One that fails, fails the write; it never makes the value empty."},
		t + "attributes.KEY.value": {meaning: "Constant, the same for everybody."},
		t + "attributes.KEY.required": {def: "false",
			meaning: "A write that leaves it empty is 400, and nobody gets a role without it: say true for whatever a row filter reads."},
		t + "attributes.KEY.join": {def: "''",
			meaning: "Separator of a list's values, a comma by default. A value that holds it is 400."},
		t + "attributes.KEY.split": {def: "''",
			meaning: "Separator at which one string is a list already (Entra ID sends nothing else)."},
		t + "attributes.KEY.sub": {def: "''", meaning: "Sub-attribute of complex values; value by default, else the whole as JSON."},

		t + "attribute_keys":           {meaning: "Bounds of the extension's free key/value list `attributes`."},
		t + "attribute_keys.allow":     {def: "['*']", meaning: "Keys that it may set; * stands for anything."},
		t + "attribute_keys.deny":      {def: "[]", meaning: "Keys that it may not set; stronger than allow."},
		t + "attribute_keys.take_over": {def: "[]", meaning: "Keys that it may set although WisdomAI holds somebody else's value; * stands for anything. Any other is 400."},

		t + "extension":        {def: "[]", meaning: "Attributes that /Schemas declares under urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User."},
		t + "extension[]":      {meaning: "One declared attribute."},
		t + "extension[].name": {form: "a name", needed: true, meaning: "SCIM attribute name."},
		t + "extension[].type": {def: "string", words: []string{"string", "boolean", "integer", "decimal", "dateTime", "reference"},
			meaning: "SCIM data type."},
		t + "extension[].multiValued": {def: "false", meaning: "Whether it is a list."},
		t + "extension[].key":         {def: "''", meaning: "WisdomAI key it is delivered under; the name by default."},

		t + "roles":       {meaning: "Where roles come from; the union of all that apply."},
		t + "roles.allow": {def: "['*']", meaning: "Roles that may ever be given; whatever a rule says, no other is."},
		t + "roles.privileged": {def: "[ADMIN, SITE_ADMIN, DATA_ADMIN, CONNECTION_ADMIN]",
			meaning: "Roles that only a rule gives that spells role and group out; never default, a capture, naming_convention or scim_roles."},
		t + "roles.default": {def: "[]", meaning: "Roles of everybody who is active. Without any, and without a group that gives one, a person is there and can do nothing."},
		t + "roles.groups":  {def: "[]", meaning: "Roles by group: one of group, external_id and match, and the role."},
		t + "roles.groups[]": {
			meaning: "One rule; it applies to the direct members of each group that it names."},
		t + "roles.groups[].group":       {def: "''", meaning: "displayName of the group, without case."},
		t + "roles.groups[].external_id": {def: "''", meaning: "externalId of the group, exactly: survives a rename."},
		t + "roles.groups[].match": {form: "a regular expression", def: "''",
			meaning: "Regular expression (RE2) that the whole displayName matches; its (?P<name>...) are ${name} in role and scopes."},
		t + "roles.groups[].role":       {form: "a role", needed: true, meaning: "WisdomAI role, without case: EXPLORER."},
		t + "roles.groups[].scopes":     {def: "[]", meaning: "Scopes the role is limited to; none is everywhere."},
		t + "roles.naming_convention":   {def: "false", meaning: "Reads WisdomAI's own group names: wisdom.explorer.DOMAIN.ET_DOMAIN_foo."},
		t + "roles.scim_roles":          {meaning: "Role by value of the SCIM attribute `roles` (Entra ID app roles, Okta roles): {Analyst: EXPLORER}."},
		t + "roles.scim_roles.VALUE":    {form: "a role", check: checkWord, meaning: "The WisdomAI role that this value gives."},
		t + "policy":                    {meaning: "What becomes of access when people come, change and go."},
		t + "policy.on_deactivate":      {def: "suspend", words: []string{"suspend", "delete"}, meaning: "active: false takes all roles and can be undone; or deletes at WisdomAI, irreversibly."},
		t + "policy.on_delete":          {def: "delete", words: []string{"delete", "suspend"}, meaning: "SCIM DELETE of somebody whom the bridge created: deleted at WisdomAI, or left without roles."},
		t + "policy.on_delete_adopted":  {def: "suspend", words: []string{"suspend", "delete"}, meaning: "The same of somebody who was there before: suspended and held for a person; delete lets an IdP's clean-up delete hand-made administrators."},
		t + "policy.on_rename":          {def: "suspend_old", words: []string{"suspend_old", "delete_old", "refuse"}, meaning: "WisdomAI cannot rename: a new account is made and the old one suspended or deleted; or the write is 400."},
		t + "policy.on_rename_conflict": {def: "refuse", words: []string{"refuse", "adopt"}, meaning: "A rename to an address that WisdomAI has already is 409, or takes that account over."},
		t + "policy.manual_roles":       {def: "keep", words: []string{"keep", "overwrite"}, meaning: "Roles given by hand stay beside the mapping's, or are taken as soon as a listing shows them."},
		t + "policy.unowned_attributes": {def: "keep", words: []string{"keep", "remove"}, meaning: "Attributes that another system set stay, or are removed as soon as a listing shows them."},
		t + "policy.identity_attributes": {def: "true",
			meaning: "Writes scim_id, scim_external_id and scim_state at WisdomAI, from which a lost store is rebuilt. Without them a lost store loses every link of the IdP."},
		t + "policy.suspend_remember": {def: "30d", min: "1m", meaning: "How long roles given by hand are kept to be given back on reactivation."},
		t + "policy.accept_for":       {def: "1h", min: "1m", meaning: "How long writes are accepted while none can be delivered; after that they are recorded and answered 503, so that the IdP shows it."},
		t + "policy.welcome_email":    {def: "false", meaning: "WisdomAI mails new people, on the first create only."},
		t + "policy.user_groups":      {def: "[]", meaning: "Ids of WisdomAI user groups that new people are put into."},

		t + "drift":         {meaning: "What is done about what somebody else changed."},
		t + "drift.lost":    {def: "report", words: []string{"report", "repair"}, meaning: "Confirmed access that somebody took away at WisdomAI, a deleted person included, is reported and not given again until the next SCIM write about that person; or is given again."},
		t + "drift.changed": {def: "repair", words: []string{"repair", "report"}, meaning: "An attribute of ours that somebody changed at WisdomAI is set back; or is reported and left until the next SCIM write about that person."},

		t + "brake":             {meaning: "The allowance of irreversible deletes; beyond it they are suspensions and wait for a person."},
		t + "brake.max_deletes": {def: "50", min: "0", meaning: "Deletes within the window, at most."},
		t + "brake.max_percent": {def: "5", min: "0", max: "100", meaning: "The same in percent of the managed people; the smaller of both counts."},
		t + "brake.floor":       {def: "10", min: "0", meaning: "Deletes that are allowed in any case, so that a small tenant is not held up."},
		t + "brake.window":      {def: "1h", min: "1m", meaning: "The time over which deletes are counted."},
		t + "protected":         {def: "[]", meaning: "Addresses, with or without plus_suffix, of people who are never suspended or deleted and do not lose ADMIN, nor their last role; a write that would do it is 409, and held."},

		t + "listing":              {meaning: "How often WisdomAI's users are listed, and when a listing is believed."},
		t + "listing.max_age":      {def: "60s", min: "1s", meaning: "Age of the listing at which a new one is made while there is traffic."},
		t + "listing.idle_age":     {def: "15m", min: "1s", meaning: "The same without traffic."},
		t + "listing.miss_max_age": {def: "5s", min: "1ms", meaning: "Age up to which a listing may answer that somebody is not there, on which the IdP will create him."},
		t + "listing.max_duty":     {def: "0.1", min: "0.001", max: "1", meaning: "Share of the time that listings may take: at 0.1 one that takes 4 s is not repeated within 40 s."},
		t + "listing.settle":       {def: "2m", min: "1ms", meaning: "How long after a call's deadline a listing must begin to settle what became of it."},
		t + "listing.lost_percent": {def: "10", min: "0", max: "100", meaning: "A listing that lost more percent of the people than this, and more than lost_floor, changes nothing until `scimbridge listing accept`, or until five in a row over 30 minutes agree."},
		t + "listing.lost_floor":   {def: "10", min: "0", meaning: "People that a listing may lose in any case."},

		t + "delivery":                {meaning: "How calls go out to WisdomAI."},
		t + "delivery.request_budget": {def: "5s", min: "1ms", meaning: "How long a SCIM request waits for its delivery; what is not delivered then follows later."},
		t + "delivery.deadline":       {def: "30s", min: "1s", max: "10m", meaning: "How long a call may take before it counts as unanswered."},
		t + "delivery.max_basis_age":  {def: "60s", min: "1s", meaning: "Age up to which a listing may be the basis of an overwriting call."},
		t + "delivery.batch":          {def: "50", min: "1", max: "1000", meaning: "Mutations that share one HTTP request; 1 switches all sharing off."},
		t + "delivery.share":          {def: "200", min: "1", max: "10000", meaning: "People of one HTTP request, where those who get the same roles share one createUsers. What is not answered in time is made smaller by itself."},
		t + "delivery.concurrency":    {def: "4", min: "1", max: "256", meaning: "Requests under way at once; of several, one is kept for taking access."},
		t + "delivery.rate":           {def: "50", min: "1", max: "10000", meaning: "Requests a second."},

		t + "limits":            {meaning: "What one SCIM request may ask for; beyond it, it is refused with the limit in the answer."},
		t + "limits.body":       {def: "8388608", min: "1024", max: "1073741824", meaning: "Bytes of a request body. 8 MiB hold a group of some 50,000 members."},
		t + "limits.depth":      {def: "32", min: "8", max: "1000", meaning: "Depth of nested JSON."},
		t + "limits.filter":     {def: "65536", min: "64", max: "1048576", meaning: "Bytes of a filter."},
		t + "limits.operations": {def: "1000", min: "1", max: "1000000", meaning: "Operations of one PATCH or bulk request."},
		t + "limits.page":       {def: "1000", min: "1", max: "1000000", meaning: "Resources of one list answer; a higher count gets this many."},
		t + "limits.rate":       {def: "0", later: true, min: "0", meaning: "Requests a second of one token; 0 is no limit."},
	}
}
