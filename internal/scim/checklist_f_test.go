package scim_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/scim"
)

var filterRows = []row{
	{"F-01 eq", filtering(func(p people) {
		p.find(`title eq "Engineer"`, p.ann)
		p.find(`title eq "Engine"`)
		p.find(`userName eq "ann"`, p.ann)
	})},
	{"F-02 ne", filtering(func(p people) { p.find(`userName ne "ann"`, p.bob, p.zoe) })},
	{"F-03 co", filtering(func(p people) {
		p.find(`title co "gine"`, p.ann, p.zoe)
		p.find(`userName co "n"`, p.ann)
	})},
	{"F-04 sw", filtering(func(p people) {
		p.find(`userName sw "an"`, p.ann)
		p.find(`userName sw "ann"`, p.ann)
		p.find(`title sw "Engineer"`, p.ann, p.zoe)
	})},
	{"F-05 ew", filtering(func(p people) {
		p.find(`emails.value ew "home.test"`, p.ann)
		p.find(`emails.value ew "ann@home.test"`, p.ann)
	})},
	{"F-06 pr", func(c *client) {
		p := newPeople(c.fresh())
		p.find(`title pr`, p.ann, p.zoe)
		for _, clear := range []string{`{"op":"replace","path":"title","value":""}`, `{"op":"replace","path":"title","value":null}`, `{"op":"remove","path":"title"}`} {
			p.patch(p.ann.path, `{"op":"add","path":"title","value":"T"}`).is(200)
			p.find(`title pr`, p.ann, p.zoe)
			p.patch(p.ann.path, clear).is(200)
			p.find(`title pr`, p.zoe)
		}
	}},
	{"F-07 gt ge lt le on strings", filtering(func(p people) {
		p.find(`userName gt "ann"`, p.bob, p.zoe)
		p.find(`userName ge "ann"`, p.ann, p.bob, p.zoe)
		p.find(`userName lt "ann"`)
		p.find(`userName le "ann"`, p.ann)
		p.find(`title gt "Engineer"`, p.zoe)
		p.find(`title le "Engineer"`, p.ann)
	})},
	{"F-08 without case", filtering(func(p people) {
		p.find(`userName eq "ANN"`, p.ann)
		p.find(`userName ne "ANN"`, p.bob, p.zoe)
		p.find(`title co "GINE"`, p.ann, p.zoe)
		p.find(`title sw "ENG"`, p.ann, p.zoe)
		p.find(`title ew "EER"`, p.ann)
		p.find(`userName ge "ANN"`, p.ann, p.bob, p.zoe)
		p.find(`userName gt "ANN"`, p.bob, p.zoe)
		p.find(`userName lt "BOB"`, p.ann)
		p.find(`userName le "BOB"`, p.ann, p.bob)
	})},
	{"F-09 with case", filtering(func(p people) {
		p.find(`externalId eq "abc"`)
		p.find(`externalId eq "ABC"`, p.ann)
		p.find(`id eq "` + strings.ToUpper(p.ann.id) + `"`)
		p.find(`meta.resourceType eq "user"`)
	})},
	{"F-10 names and operators ignore case", filtering(func(p people) {
		p.find(`USERNAME EQ "ann"`, p.ann)
		p.find(`Emails.Value Co "home"`, p.ann)
		p.find(`title PR AND NOT (userName eq "ann") Or userName Eq "bob"`, p.bob, p.zoe)
		p.find(strings.ToUpper(ent)+`:Department pr`, p.ann)
	})},
	{"F-11 booleans", filtering(func(p people) {
		p.find(`active eq true`, p.ann, p.zoe)
		p.find(`active ne true`, p.bob)
		p.find(`active eq false`, p.bob)
		p.find(`emails[primary eq true]`, p.ann)
	})},
	{"F-12 a boolean has no order", filtering(func(p people) {
		p.refuse(`active gt false`, `active ge false`, `active lt true`, `active le true`)
	})},
	{"F-13 a binary has no order", filtering(func(p people) {
		p.refuse(`x509Certificates.value gt "a"`, `x509Certificates.value le "a"`, `x509Certificates[value lt "a"]`)
	})},
	{"F-14 substrings of what is no text", filtering(func(p people) {
		p.refuse(`active co "t"`, `active sw true`, `meta.created co "2"`, wisdom+`:level sw 1`, wisdom+`:level ew "1"`)
	})},
	{"F-15 literals of the wrong type", filtering(func(p people) {
		p.refuse(`active eq "true"`, `userName eq 5`, `userName eq true`, wisdom+`:level eq "10"`)
		for _, word := range []string{"true", "True"} {
			p.lenient().finds("/Users", `active eq "`+word+`"`, p.ann, p.zoe)
		}
	})},
	{"F-16 dates are instants", filtering(func(p people) {
		r := p.get(p.ann.path).is(200)
		at, err := time.Parse(time.RFC3339, r.string("meta", "created"))
		if err != nil {
			p.Fatal(err)
		}
		for _, same := range []string{r.string("meta", "created"), at.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano), at.Format("2006-01-02T15:04:05.000000000Z07:00")} {
			p.find(`meta.created eq "`+same+`"`, p.ann)
		}
	})},
	{"F-17 dates have an order", filtering(func(p people) {
		at := p.get(p.ann.path).is(200).string("meta", "created") // bob was before, Zoë after
		p.find(`meta.created gt "`+at+`"`, p.zoe)
		p.find(`meta.created ge "`+at+`"`, p.ann, p.zoe)
		p.find(`meta.created lt "`+at+`"`, p.bob)
		p.find(`meta.created le "`+at+`"`, p.ann, p.bob)
		modified := p.get(p.bob.path).is(200).string("meta", "lastModified") // the others became members after
		p.find(`meta.lastModified gt "`+modified+`"`, p.ann, p.zoe)
		p.find(`meta.lastModified le "`+modified+`"`, p.bob)
	})},
	{"F-18 malformed dates", filtering(func(p people) {
		p.refuse(`meta.created gt "yesterday"`, `meta.created eq "2020-13-01T00:00:00Z"`, `meta.lastModified lt "2020-01-01"`)
	})},
	{"F-19 numbers", filtering(func(p people) {
		p.find(wisdom+`:level gt 9`, p.ann)
		p.find(wisdom+`:level eq 10`, p.ann)
		p.find(wisdom+`:level eq 10.0`, p.ann)
		p.find(wisdom+`:level eq 1e1`, p.ann)
		p.find(wisdom+`:level lt -2`, p.zoe)
	})},
	{"F-20 null", filtering(func(p people) {
		p.find(`title eq null`, p.bob)
		p.find(`title ne null`, p.ann, p.zoe)
	})},
	{"F-21 other operators with null", filtering(func(p people) {
		p.refuse(`title gt null`, `title co null`, `title sw null`, `title le null`)
	})},
	{"F-22 ne without a value", filtering(func(p people) { p.find(`title ne "Engineer"`, p.bob, p.zoe) })},
	{"F-23 order without a value", filtering(func(p people) {
		for _, op := range []string{"gt", "ge", "lt", "le"} {
			p.find(`title ` + op + ` "a" and userName eq "bob"`)
		}
	})},
	{"F-24 one value is enough", filtering(func(p people) { p.find(`emails.value eq "ann@home.test"`, p.ann) })},
	{"F-25 ne on many values", filtering(func(p people) {
		p.find(`emails.type ne "work"`, p.ann, p.zoe)
		p.find(`not (emails.type eq "work")`, p.zoe)
	})},
	{"F-26 conditions met by different values", filtering(func(p people) {
		p.find(`emails.type eq "home" and emails.value co "example.com"`, p.ann, p.zoe)
	})},
	{"F-27 conditions met by one value", filtering(func(p people) {
		p.find(`emails[type eq "home" and value co "example.com"]`, p.zoe)
	})},
	{"F-28 or, not and grouping in brackets", filtering(func(p people) {
		p.find(`emails[type eq "home" or value ew "home.test"]`, p.ann, p.zoe)
		p.find(`emails[not (type eq "work")]`, p.ann, p.zoe)
		p.find(`emails[(type eq "home" or type eq "work") and value sw "bob"]`, p.bob)
	})},
	{"F-29 value paths beside the rest", filtering(func(p people) {
		p.find(`active eq true and emails[type eq "work"]`, p.ann)
		p.find(`not (emails[type eq "work"])`, p.zoe)
		p.find(`emails[type eq "home" and value ew "home.test"] or ims[type eq "x"]`, p.ann)
	})},
	{"F-30 a list alone means its value", filtering(func(p people) {
		p.find(`emails co "example.com"`, p.ann, p.bob, p.zoe)
		p.find(`emails eq "ann@home.test"`, p.ann)
		p.findAt("/Groups", `members eq "`+p.ann.id+`"`, p.team)
		p.findAt("/Groups", `members eq "`+p.bob.id+`"`)
	})},
	{"F-31 pr on complex attributes", filtering(func(p people) {
		p.find(`name pr`, p.ann)
		p.find(`emails pr`, p.ann, p.bob, p.zoe)
		p.find(ent+`:manager pr`, p.ann)
		p.find(`photos pr`)
	})},
	{"F-32 a complex attribute compared whole", filtering(func(p people) { p.refuse(`name eq "x"`, ent+`:manager eq "x"`, `meta gt "x"`) })},
	{"F-33 brackets where none belong", filtering(func(p people) {
		p.refuse(`emails[x[y eq 1]]`, `emails[type[value eq "x"]]`, `userName[value eq "x"]`)
	})},
	{"F-34 brackets on one complex value", filtering(func(p people) {
		p.find(`name[familyName eq "Lee"]`, p.ann)
		p.find(`name[familyName eq "Lee" and givenName eq "Bob"]`)
	})},
	{"F-35 not before and before or", filtering(func(p people) {
		truth := func(b bool) string { // about everybody
			return map[bool]string{true: `userName pr`, false: `nickName pr`}[b]
		}
		everybody := func(b bool) []resource {
			if b {
				return []resource{p.ann, p.bob, p.zoe}
			}
			return nil
		}
		for i := range 8 {
			a, b, d := i&1 != 0, i&2 != 0, i&4 != 0
			p.find(truth(a)+" or "+truth(b)+" and "+truth(d), everybody(a || b && d)...)
			p.find("not ("+truth(a)+") and "+truth(b), everybody(!a && b)...)
			p.find(truth(a)+" and "+truth(b)+" or "+truth(d), everybody(a && b || d)...)
		}
	})},
	{"F-36 parentheses", filtering(func(p people) {
		p.find(`(userName eq "ann" or userName eq "bob") and active eq false`, p.bob)
		p.find(`userName eq "ann" or userName eq "bob" and active eq true`, p.ann)
		p.find(`((userName eq "ann"))`, p.ann)
		p.find(`((userName eq "ann") or ((title co "II")))`, p.ann, p.zoe)
	})},
	{"F-37 not", filtering(func(p people) {
		p.find(`not (title pr)`, p.bob)
		p.find(`not(title pr)`, p.bob)
		p.refuse(`not title pr`)
	})},
	{"F-38 long chains", filtering(func(p people) {
		terms := slices.Repeat([]string{`userName eq "nobody"`}, 99)
		p.find(strings.Join(append(terms, `title eq "Engineer"`), " or "), p.ann)
	})},
	{"F-39 core attributes with their URN", filtering(func(p people) {
		p.find(core+`:userName eq "ann"`, p.ann)
		p.find(core+`:name.givenName eq "ann"`, p.ann)
		p.find(strings.ToUpper(core)+`:userName eq "ann"`, p.ann)
	})},
	{"F-40 extension attributes", filtering(func(p people) {
		p.find(ent+`:department eq "Sales"`, p.ann)
		p.find(ent+`:manager.value eq "`+p.bob.id+`"`, p.ann)
		p.find(ent+`:manager pr`, p.ann)
	})},
	{"F-41 extension attributes without URN", filtering(func(p people) {
		p.refuse(`department eq "Sales"`)
		p.lenient().finds("/Users", `department eq "Sales"`, p.ann)
	})},
	{"F-42 an attribute that the type does not have", filtering(func(p people) {
		p.refuse(`nope eq "x"`, `not (nope pr)`, `members.value eq "x"`, `name.nope eq "x"`, ent+`:nope pr`)
		p.filter("/Groups", `userName eq "ann"`).refused(400, "invalidFilter").says("userName")
	})},
	{"F-43 the same over all types", mixing(func(m mixed) {
		m.find(`userName pr`, m.users...)
		m.find(`members.value eq "`+m.users[0]+`"`, m.groups...)
		m.find(`not (userName pr)`, m.groups...)
		m.find(`userName eq null`, m.groups...)
		m.find(`nope eq "x"`)
		for _, filter := range []string{`userName eq`, `password pr`, ``} {
			m.filter("/", filter).refused(400, "invalidFilter")
		}
	})},
	{"F-44 one of all types", mixing(func(m mixed) {
		m.find(`meta.resourceType eq "Group"`, m.groups...)
		m.find(`meta.resourceType eq "User"`, m.users...)
		m.find(`meta.resourceType eq "User" and displayName sw "NAME" and title eq "t"`, m.users...)
		m.filter("/", `meta.resourceType eq Group`).refused(400, "invalidFilter")
	})},
	{"F-45 schemas", filtering(func(p people) {
		p.find(`schemas eq "`+ent+`"`, p.ann)
		p.find(`schemas eq "`+core+`"`, p.ann, p.bob, p.zoe)
	})},
	{"F-46 common attributes", filtering(func(p people) {
		r := p.get(p.zoe.path).is(200)
		p.find(`id eq "`+p.zoe.id+`"`, p.zoe)
		p.find(`externalId eq "ABC"`, p.ann)
		p.find(`meta.location eq "`+r.string("meta", "location")+`"`, p.zoe)
		p.find(`meta.version eq `+scim.JSONOf(r.string("meta", "version"))+` and userName sw "Z"`, p.zoe)
		p.find(`meta.resourceType eq "User"`, p.ann, p.bob, p.zoe)
	})},
	{"F-47 groups and members", filtering(func(p people) {
		p.findAt("/Groups", `members.value eq "`+p.ann.id+`"`, p.team)
		p.findAt("/Groups", `members[value eq "`+p.bob.id+`"]`)
		p.findAt("/Groups", `members[value eq "`+p.zoe.id+`"]`, p.team)
		p.find(`groups.value eq "`+p.team.id+`"`, p.ann, p.zoe)
		p.find(`groups.display eq "team"`, p.ann, p.zoe)
	})},
	{"F-48 JSON escapes", func(c *client) {
		for i, tt := range []struct{ value, literal string }{
			{"O'Malley", `"O'Malley"`}, {`say "hi"`, `"say \"hi\""`}, {`a\b`, `"a\\b"`}, {"é", `"\u00e9"`}, {"😀", `"\ud83d\ude00"`}, {"a/b", `"a\/b"`},
		} {
			u := c.user(fmt.Sprint("u", i), `"displayName":`+scim.JSONOf(tt.value)+`,"nickName":`+scim.JSONOf(tt.value))
			for _, attribute := range []string{"displayName", "nickName"} { // indexed, and not
				c.finds("/Users", attribute+` eq `+tt.literal+` and id eq "`+u.id+`"`, u)
				c.finds("/Users", attribute+` eq `+tt.literal, u)
			}
		}
	}},
	{"F-49 broken literals", filtering(func(p people) {
		p.refuse(`userName eq "open`, `userName eq 'single'`, `userName eq "\x"`, `userName eq "\ud83d"`, "userName eq \"a\nb\"", "userName eq \"a\x01\"")
	})},
	{"F-50 percent-encoding", func(c *client) {
		r := c.post("/Users", scim.UserBody("a+b@x.test", "")).is(201)
		for _, query := range []string{`userName%20eq%20%22a%2Bb@x.test%22`, `userName+eq+%22a%2Bb%40x.test%22`, `userName+eq+"a%2bb@x.test"`} {
			c.get("/Users?filter="+query).is(200).wants(r.id(), "Resources", 0, "id")
		}
		c.get("/Users?filter=userName+eq+%22a+b@x.test%22").is(200).wants(0, "totalResults") // a bare plus is a blank
	}},
	{"F-51 userNames are prepared", func(c *client) {
		u, v, w := c.user("ren\u00e9", ""), c.user("straße", ""), c.user("İpek", "")
		c.finds("/Users", `userName eq "`+c.name("rene\u0301")+`"`, u)
		c.finds("/Users", `userName eq "`+v.name+`"`, v)
		c.finds("/Users", `userName eq "`+w.name+`"`, w)
	}},
	{"F-52 characters, not bytes", filtering(func(p people) {
		p.find(`userName sw "Zo"`, p.zoe)
		p.find(`userName co "ë"`, p.zoe)
		p.find(`userName ew "oë"`, p.zoe)
		p.find(`userName co "é"`) // shares its first byte with ë
		p.refuse("userName co \"\xc3\"")
	})},
	{"F-53 unknown operators", filtering(func(p people) {
		for _, op := range []string{"regex", "=", "like"} {
			p.filter("/Users", `userName `+op+` "a"`).refused(400, "invalidFilter").says(op)
		}
	})},
	{"F-54 incomplete expressions", filtering(func(p people) {
		p.refuse(``, ` `, `userName`, `userName eq`, `eq "x"`, `userName pr "x"`, `(`, `userName pr and`, `)`, `userName pr)`, `userName eq "a" nonsense`, `userName eq "a" userName pr`, `and`, `not`)
	})},
	{"F-55 extra blanks", filtering(func(p people) {
		p.find(`userName   eq   "ann"`, p.ann)
		p.find("userName\teq \t\"ann\"", p.ann)
		p.find(` userName eq "ann" `, p.ann)
		p.find(`( userName eq "ann" )`, p.ann)
	})},
	{"F-56 literals in other case", filtering(func(p people) {
		p.refuse(`active eq TRUE`, `title eq Null`, `active eq True`)
		p.lenient().finds("/Users", `active eq True`, p.ann, p.zoe)
		p.lenient().finds("/Users", `active eq False`, p.bob)
	})},
	{"F-57 password", filtering(func(p people) {
		p.refuse(`password eq "x"`, `password pr`, `password sw "x"`, `not (password pr)`, `userName pr or password eq "x"`, `password[value eq "x"]`, core+`:password pr`)
	})},
	{"F-58 limits", filtering(func(p people) {
		p.refuse(strings.Repeat("a", 100<<10), `userName eq "`+strings.Repeat("a", 100<<10)+`"`,
			strings.Repeat(`a pr or `, 8000)+`a pr`, strings.Repeat(`title pr or `, 3000)+`title pr`,
			strings.Repeat("(", 1000)+"title pr"+strings.Repeat(")", 1000), strings.Repeat("not (", 1000)+"title pr"+strings.Repeat(")", 1000))
	})},
	{"F-59 a filter sees what is shown", func(c *client) {
		u := c.user("ann", "")
		c.finds("/Users", `active eq true and id eq "`+u.id+`"`, u)
		c.finds("/Users", `active eq false and id eq "`+u.id+`"`)
	}},
	{"F-60 letters of attribute names", filtering(func(p people) {
		p.find(wisdom+`:cost_center-2 eq "R&D"`, p.ann)
		p.findAt("/Groups", `members.$ref ew "`+p.ann.id+`"`, p.team)
		p.refuse(`1a eq "x"`, `-a eq "x"`)
	})},
	{"F-61 totalResults is of the filter", filtering(func(p people) {
		p.filter("/Users", `title pr`, "count=1").is(200).wants(2, "totalResults").wants(1, "itemsPerPage")
		p.filter("/Users", `userName sw "a"`, "count=0").is(200).wants(1, "totalResults")
	})},
	{"F-62 two filters", filtering(func(p people) {
		p.get("/Users?filter=userName+pr&filter=userName+pr").refused(400, "invalidFilter")
		p.get(scim.Filtered("/Groups", `displayName pr`)+"&filter=").refused(400, "invalidFilter")
	})},
	{"F-63 filters are sets", filtering(func(p people) {
		atoms := map[string][]resource{
			`userName eq "ann"`: {p.ann}, `userName sw "b"`: {p.bob}, `title pr`: {p.ann, p.zoe}, `active eq true`: {p.ann, p.zoe}, `emails.value eq "bob@example.com"`: {p.bob},
			`id eq "` + p.zoe.id + `"`: {p.zoe}, `emails[type eq "home"]`: {p.ann, p.zoe}, `externalId eq "ABC"`: {p.ann}, `groups.value eq "` + p.team.id + `"`: {p.ann, p.zoe}, `nickName pr`: nil,
			ent + `:department pr`: {p.ann}, `userName ge "b"`: {p.bob, p.zoe}, `displayName eq "ann lee"`: {p.ann},
		}
		words := make([]string, 0, len(atoms))
		for word := range atoms {
			words = append(words, word)
		}
		slices.Sort(words)
		random := rand.New(rand.NewPCG(63, 1))
		all := []resource{p.ann, p.bob, p.zoe}
		var expression func(depth int) (string, func(resource) bool)
		expression = func(depth int) (string, func(resource) bool) {
			kind := random.IntN(4)
			if depth == 0 || kind == 0 {
				word := words[random.IntN(len(words))]
				return word, func(r resource) bool { return slices.Contains(atoms[word], r) }
			}
			a, inA := expression(depth - 1)
			if kind == 1 {
				return "not (" + a + ")", func(r resource) bool { return !inA(r) }
			}
			b, inB := expression(depth - 1)
			if kind == 2 {
				return "(" + a + " and " + b + ")", func(r resource) bool { return inA(r) && inB(r) }
			}
			return "(" + a + " or " + b + ")", func(r resource) bool { return inA(r) || inB(r) }
		}
		for range 150 {
			text, in := expression(4)
			p.find(text, slices.DeleteFunc(slices.Clone(all), func(r resource) bool { return !in(r) })...)
		}
	})},
	{"F-64 anything is 200 or 400", filtering(func(p people) {
		pieces := []string{"userName", "emails", "[", "]", "(", ")", " ", "eq", "pr", "not ", "and", " or ", `"`, `"x"`, "\\", "\x00", "\xff", "é", "5", "-1e9", "true", "null", ".", ":", "$ref", ent, "meta.created", `"2020-01-01T00:00:00Z"`, "\t", "%", ";"}
		random := rand.New(rand.NewPCG(64, 1))
		for range 600 {
			var b strings.Builder
			for range random.IntN(12) {
				b.WriteString(pieces[random.IntN(len(pieces))])
			}
			if r := p.get("/Users?filter=" + url.QueryEscape(b.String())); r.status != 200 {
				r.refused(400, "invalidFilter")
			}
		}
	})},
}
