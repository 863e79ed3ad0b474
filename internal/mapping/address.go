package mapping

import "strings"

// The longest address that can be delivered to: RFC 5321 sections 4.5.3.1.1 and
// 4.5.3.1.3 (a path is 256 octets with its angle brackets), RFC 1035 section 2.3.4.
const (
	maxAddress = 254
	maxLocal   = 64
	maxLabel   = 63
)

// FoldAddress is how addresses are compared: ASCII lower case. It makes no difference
// between addresses that WisdomAI tells apart: addresses are ASCII here.
func FoldAddress(address string) string {
	for i := 0; i < len(address); i++ {
		if 'A' <= address[i] && address[i] <= 'Z' {
			folded := []byte(address)
			for ; i < len(folded); i++ {
				if 'A' <= folded[i] && folded[i] <= 'Z' {
					folded[i] += 'a' - 'A'
				}
			}
			return string(folded)
		}
	}
	return address
}

// deliverable reports whether s is an address that can be invited: an ASCII addr-spec
// (RFC 5322 section 3.4.1) without quotes, comments or literals, with a dot in its
// domain (or the domain localhost), within the lengths of RFC 5321.
func deliverable(s string) bool {
	local, domain, ok := cutAddress(s)
	return ok && len(s) <= maxAddress && len(local) <= maxLocal && isDotAtom(local) && isDomain(domain)
}

// cutAddress splits an address at its last @.
func cutAddress(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 || at == len(address)-1 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// isDotAtom: 1*atext *("." 1*atext), RFC 5322 section 3.2.3.
func isDotAtom(s string) bool {
	last := byte('.')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '.' && last == '.' {
			return false
		}
		if c != '.' && !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return false
		}
		last = c
	}
	return last != '.'
}

// isDomain: labels of letters, digits and inner hyphens (RFC 5321 section 4.1.2), at
// least two of them, or localhost.
func isDomain(s string) bool {
	labels, start := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			if !isAlphanumeric(s[i]) && s[i] != '-' {
				return false
			}
			continue
		}
		if label := s[start:i]; label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		labels, start = labels+1, i+1
	}
	return labels > 1 || strings.EqualFold(s, "localhost")
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// addressBounds are the addresses that a tenant may see, create, adopt and rename to.
type addressBounds struct {
	any       bool            // "*"
	in, out   map[string]bool // folded domains, exact: x.com is not a.x.com
	plus      string          // "+suffix", or ""
	spelledIn []string        // the patterns, for answers
}

// newAddressBounds checks email_domains and plus_suffix.
func newAddressBounds(domains []string, suffix string, fault faults) *addressBounds {
	if len(domains) == 0 {
		domains = []string{"*"}
	}
	b := &addressBounds{in: map[string]bool{}, out: map[string]bool{}, spelledIn: domains}
	for i, pattern := range domains {
		domain, leftOut := strings.CutPrefix(pattern, "!")
		switch {
		case pattern == "*":
			b.any = true
		case !isDomain(domain):
			fault(index("email_domains", i), "%q is no domain: expected '*', 'example.com' or '!example.com'", pattern)
		case leftOut:
			b.out[FoldAddress(domain)] = true
		default:
			b.in[FoldAddress(domain)] = true
		}
	}
	if !b.any && len(b.in) == 0 && len(b.out) > 0 {
		fault("email_domains", "only leaves domains out and so lets none in: add '*' or the domains that are in")
	}
	if suffix != "" {
		if !isDotAtom(suffix) || strings.Contains(suffix, "+") || len(suffix) > maxLocal-2 {
			fault("plus_suffix", "%q cannot stand after the + of an address: expected letters, digits and hyphens, without the +", suffix)
		}
		b.plus = "+" + suffix
	}
	return b
}

func (b *addressBounds) admitsDomain(domain string) bool {
	domain = FoldAddress(domain)
	return (b.any || b.in[domain]) && !b.out[domain]
}

// withPlus adds the plus suffix.
func (b *addressBounds) withPlus(address string) string {
	if b.plus == "" {
		return address
	}
	local, domain, ok := cutAddress(address)
	if !ok {
		return address
	}
	return local + b.plus + "@" + domain
}

// withoutPlus takes the plus suffix away; ok is false if the address has none.
func (b *addressBounds) withoutPlus(address string) (shown string, ok bool) {
	local, domain, ok := cutAddress(address)
	if !ok {
		return address, false
	}
	bare := len(local) - len(b.plus)
	if bare <= 0 || !strings.EqualFold(local[bare:], b.plus) {
		return address, false
	}
	return local[:bare] + "@" + domain, true
}

// Visible reports whether an address at WisdomAI is this tenant's to see: inside
// EmailDomains and carrying its PlusSuffix (V-36).
func (r *Rules) Visible(address string) bool {
	_, domain, ok := cutAddress(address)
	if !ok || !r.bounds.admitsDomain(domain) {
		return false
	}
	_, ok = r.bounds.withoutPlus(address)
	return ok
}

// ReadAddress is ShowAddress undone: the address at WisdomAI of one that somebody read in
// SCIM, or at WisdomAI itself.
func (r *Rules) ReadAddress(shown string) string {
	if _, _, ok := cutAddress(shown); !ok {
		return shown
	}
	if bare, has := r.bounds.withoutPlus(shown); has {
		shown = bare
	}
	return r.bounds.withPlus(shown)
}

// ShowAddress is the address as SCIM shows it: without the tenant's plus suffix. An
// address that does not carry it is shown as it is.
func (r *Rules) ShowAddress(address string) string {
	shown, _ := r.bounds.withoutPlus(address)
	return shown
}

// DeliveredAddress is the address that ShowAddress shows: with the tenant's plus suffix.
func (r *Rules) DeliveredAddress(shown string) string {
	if _, ok := r.bounds.withoutPlus(shown); ok {
		return shown
	}
	return r.bounds.withPlus(shown)
}

// Sight spells out what Visible goes by: equal texts are equal sights.
func (r *Rules) Sight() string {
	sight := strings.Join(r.bounds.spelledIn, ", ")
	if r.bounds.plus != "" {
		sight += " with " + r.bounds.plus
	}
	return sight
}

// Overlaps reports whether there may be an address that is visible to both: whether two
// tenants on one workspace could meet (V-36). Two that admit any domain may, whatever each
// leaves out, unless their suffixes tell them apart.
func (r *Rules) Overlaps(o *Rules) bool {
	a, b := r.bounds, o.bounds
	if a.plus != "" && b.plus != "" && !strings.EqualFold(a.plus, b.plus) {
		return false
	}
	if a.any {
		a, b = b, a
	}
	if a.any {
		return true
	}
	for domain := range a.in {
		if a.admitsDomain(domain) && b.admitsDomain(domain) {
			return true
		}
	}
	return false
}
