package filter_test

import (
	"fmt"

	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

func ExampleParse() {
	users := schema.User(nil)
	opts := filter.Options{Cache: filter.NewCache(100)}

	f, err := filter.Parse(`userName eq "Ann" and title pr`, users, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	index, exact := f.Split()
	fmt.Println(index.Field, index.Op, index.Value, exact)
	fmt.Println(f.Match(filter.Document{"userName": "ann", "title": "Engineer"}))
	fmt.Println(f.Match(filter.Document{"userName": "ann"}))

	_, err = filter.Parse(`userName regex "a"`, users, opts)
	fmt.Println(err)
	// Output:
	// userName eq ann false
	// true
	// false
	// at position 9: unknown operator "regex"; expected one of eq, ne, co, sw, ew, pr, gt, ge, lt, le
}

func ExampleParsePath() {
	path, err := filter.ParsePath(`Emails[Type eq "work"].Value`, schema.User(nil), filter.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	wanted, _ := path.Filter.Eq()
	fmt.Println(path.Ref, wanted)
	fmt.Println(path.Filter.Match(map[string]any{"type": "WORK", "value": "ann@example.com"}))
	// Output:
	// emails.value map[type:work]
	// true
}
