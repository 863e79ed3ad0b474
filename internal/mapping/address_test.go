package mapping

import (
	"strings"
	"testing"
)

func TestDeliverable(t *testing.T) {
	label := strings.Repeat("d", 63)
	for _, c := range []struct {
		address string
		want    bool
	}{
		{"alice@example.com", true},
		{"Alice.B+tag@Example.COM", true},
		{"!#$%&'*+-/=?^_`{|}~@example.com", true},
		{"alice@localhost", true},
		{"alice@xn--bcher-kva.example", true},
		{"a@1.example", true},
		{strings.Repeat("l", 64) + "@example.com", true},
		{"a@" + label + "." + label + "." + label + "." + strings.Repeat("d", 60), true}, // 254 octets

		{"", false},
		{"alice", false},
		{"@example.com", false},
		{"alice@", false},
		{"alice@intranet", false},
		{"alice@@example.com", false},
		{"a@b@example.com", false},
		{".alice@example.com", false},
		{"alice.@example.com", false},
		{"al..ice@example.com", false},
		{"alice@example..com", false},
		{"alice@.example.com", false},
		{"alice@example.com.", false},
		{"alice@-example.com", false},
		{"alice@example-.com", false},
		{"alice@exa_mple.com", false},
		{"alice@[192.0.2.1]", false},
		{`"alice"@example.com`, false},
		{"alice(work)@example.com", false},
		{"Alice <alice@example.com>", false},
		{"alice @example.com", false},
		{" alice@example.com", false},
		{"alice@example.com\n", false},
		{"alicé@example.com", false},
		{"alice@exämple.com", false},
		{"alice\x00@example.com", false},
		{strings.Repeat("l", 65) + "@example.com", false},
		{"a@" + strings.Repeat("d", 64) + ".com", false},
		{"a@" + label + "." + label + "." + label + "." + strings.Repeat("d", 61), false}, // 255 octets
	} {
		if got := deliverable(c.address); got != c.want {
			t.Errorf("deliverable(%q) = %v, want %v", c.address, got, c.want)
		}
	}
}

func TestFoldAddress(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "alice@example.com": "alice@example.com", "Alice@EXAMPLE.com": "alice@example.com", "ÄB@x.com": "Äb@x.com",
	} {
		if got := FoldAddress(in); got != want {
			t.Errorf("FoldAddress(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestV36WhatATenantSees(t *testing.T) {
	rules := compile(t, Spec{EmailDomains: []string{"example.com"}, PlusSuffix: "acme"})
	for _, c := range []struct {
		address, shown string
		visible        bool
	}{
		{"alice+acme@example.com", "alice@example.com", true},
		{"Alice+ACME@Example.com", "Alice@Example.com", true},
		{"alice+x+acme@example.com", "alice+x@example.com", true},
		{"alice@example.com", "alice@example.com", false},
		{"alice+other@example.com", "alice+other@example.com", false},
		{"alice+acme+other@example.com", "alice+acme+other@example.com", false},
		{"+acme@example.com", "+acme@example.com", false},
		{"alice+acme@example.org", "alice@example.org", false},
		{"alice+acme@sub.example.com", "alice@sub.example.com", false},
		{"no address", "no address", false},
		{"", "", false},
	} {
		if got := rules.Visible(c.address); got != c.visible {
			t.Errorf("Visible(%q) = %v, want %v", c.address, got, c.visible)
		}
		if got := rules.ShowAddress(c.address); got != c.shown {
			t.Errorf("ShowAddress(%q) = %q, want %q", c.address, got, c.shown)
		}
	}
	everything := compile(t, Spec{})
	if !everything.Visible("alice@anywhere.example") || everything.Visible("nobody") {
		t.Error("without bounds every address is seen, and only addresses")
	}
	for _, shown := range []string{"alice@example.com", "alice+acme@example.com"} {
		if got := rules.ReadAddress(shown); got != "alice+acme@example.com" {
			t.Errorf("ReadAddress(%q) = %q", shown, got)
		}
	}
	if got := everything.ReadAddress("alice+x@example.com"); got != "alice+x@example.com" {
		t.Errorf("ReadAddress without a suffix = %q", got)
	}
	if got := everything.ShowAddress("alice+x@example.com"); got != "alice+x@example.com" {
		t.Errorf("without a suffix an address is shown as it is, got %q", got)
	}
}

func compile(t testing.TB, spec Spec) *Rules {
	t.Helper()
	rules, faults := Compile(spec)
	for _, f := range faults {
		t.Error(f)
	}
	if rules == nil {
		t.FailNow()
	}
	return rules
}
