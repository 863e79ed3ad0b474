package scim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for _, n := range []int{5000, 20000} {
		s := serve(t)
		id := s.user("ann@suite.example", "")
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"value":"a%d@x"}`, i)
		}
		at := time.Now()
		r := s.do("PATCH", "/Users/"+id, patchBody(`{"op":"add","path":"emails","value":[`+b.String()+`]}`))
		t.Log("add", n, r.status, time.Since(at))
		at = time.Now()
		r = s.do("PUT", "/Users/"+id, userBody("ann@suite.example", `"emails":[`+b.String()+`]`))
		t.Log("put", n, r.status, time.Since(at))
		at = time.Now()
		r = s.do("PATCH", "/Users/"+id, patchBody(`{"op":"remove","path":"emails","value":[`+b.String()+`]}`))
		t.Log("remove", n, r.status, time.Since(at))
		if n > 20000 {
			break
		}
	}
}
