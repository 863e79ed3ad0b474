package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// checkListen checks HOST:PORT. An empty host is every interface.
func checkListen(text string) string {
	const want = "expected HOST:PORT such as 127.0.0.1:8080"
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Sprintf("is %q; %s", text, want)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Sprintf("has the port %q; expected a number from 0 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName.MatchString(host) {
		return fmt.Sprintf("has the host %q; %s", host, want)
	}
	return ""
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// isLoopback reports whether host is this machine alone: localhost, 127.0.0.0/8 or ::1.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkURL checks an absolute http(s) URL without what would be lost or leak. It does
// not echo the text: an URL may hold a password.
func checkURL(text, example string) (*url.URL, string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, "is no URL; expected one such as " + example
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, "holds a user, a query or a fragment; expected an URL such as " + example
	}
	return u, ""
}

func checkPublicURL(text string) string {
	_, problem := checkURL(text, "https://scim.example.com")
	return problem
}

func checkWisdomURL(text string) string {
	u, problem := checkURL(text, "https://acme.wisdom.ai/graphql")
	if problem == "" && u.Scheme != "https" && !isLoopback(u.Hostname()) {
		return "is not https; expected https, which only a loopback address may do without: the token goes there"
	}
	return problem
}

// checkWord refuses a text that no id or name is: blank, or with blanks around or
// control characters in it.
func checkWord(text string) string {
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) {
		return "has blanks around it or control characters in it; expected the value alone"
	}
	return ""
}

// checkAddress refuses what can be nobody's address, and so would protect nobody.
func checkAddress(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at <= 0 || at == len(text)-1 || strings.ContainsFunc(text, unicode.IsSpace) {
		return fmt.Sprintf("is %q, which is no address; expected one such as owner@acme.example", text)
	}
	return ""
}

// addresses checks what the listeners' keys mean together.
func (d *decoder) addresses(cfg *Config) {
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	if d.faulty("listen") {
		return
	}
	host, port, _ := net.SplitHostPort(cfg.Listen)
	if !isLoopback(host) && cfg.PublicURL == "" && !d.faulty("public_url") {
		d.fault(d.place("listen"), "public_url",
			"is missing; it is needed because listen (%s) is not loopback: expected what the IdP sees the server as, such as https://scim.example.com", cfg.Listen)
	}
	if d.faulty("admin_listen") {
		return
	}
	adminHost, adminPort, _ := net.SplitHostPort(cfg.AdminListen)
	if sameNumber(port, adminPort) && (sameHost(host, adminHost) || isEverything(host) || isEverything(adminHost)) {
		d.fault(d.place("admin_listen"), "admin_listen",
			"is the same address as listen (%s); expected another port: metrics and health ask for no token", cfg.Listen)
	}
}

func sameNumber(a, b string) bool {
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	return errA == nil && errB == nil && m == n && m != 0 // each :0 gets a port of its own
}

func sameHost(a, b string) bool {
	named := strings.EqualFold(a, "localhost") || strings.EqualFold(b, "localhost")
	return strings.EqualFold(a, b) || named && isLoopback(a) && isLoopback(b)
}

func isEverything(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

var tenantName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// tenants checks each tenant as a whole, and the tenants against each other.
func (d *decoder) tenants(cfg *Config) {
	workspaces := map[string][]*Tenant{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Tenants)) {
		t, path := cfg.Tenants[name], "tenants."+name
		if t == nil {
			continue
		}
		t.Name = name
		if !tenantName.MatchString(name) || len(name) > 63 {
			d.fault(d.place(path), path, "is no name for a tenant; expected at most 63 lower-case letters and digits, with single hyphens between them")
		}
		d.choices(t, path)
		d.compile(t, path)
		d.protected(t, path)

		at := path + ".wisdom.workspace"
		if d.faulty(path+".wisdom.url") || d.faulty(at) {
			continue
		}
		key := t.Wisdom.Host() + "/" + t.Wisdom.Workspace
		d.neighbours(t, workspaces[key])
		workspaces[key] = append(workspaces[key], t)
	}
}

// neighbours checks a tenant against those before it on the same workspace (V-36): nobody may
// be the business of two, and one listing serves all.
func (d *decoder) neighbours(t *Tenant, others []*Tenant) {
	for _, other := range others {
		if at := "tenants." + t.Name + ".email_domains"; t.Rules != nil && other.Rules != nil && t.Rules.Overlaps(other.Rules) {
			d.fault(d.place(at), at, "admits, with plus_suffix, addresses that tenant %s admits too (%s) at the same WisdomAI workspace; expected domains, or a plus_suffix for each, that keep them apart",
				other.Name, other.Rules.Sight())
		}
	}
	if at := "tenants." + t.Name + ".listing"; len(others) > 0 && t.Listing != others[0].Listing {
		d.fault(d.place(at), at, "is not as in tenant %s at the same WisdomAI workspace; expected the same values: one listing serves both", others[0].Name)
	}
}

// choices checks that one of several keys is set where they exclude each other.
func (d *decoder) choices(t *Tenant, path string) {
	one := func(at string, set ...string) {
		set = slices.DeleteFunc(set, func(s string) bool { return s == "" })
		if len(set) > 1 && !d.faulty(at) {
			d.fault(d.place(at), at, "has %s; expected only one of them", strings.Join(set, " and "))
		}
	}
	for key, a := range t.Attributes {
		at := path + ".attributes." + key
		one(at, named("path", a.Path != ""), named("paths", len(a.Paths) > 0), named("cel", a.CEL != ""), named("value", a.Value != nil))
	}
}

func named(key string, set bool) string {
	if set {
		return key
	}
	return ""
}

// Host is the host, and the port if it is no standard one, of the endpoint in lower
// case: with the workspace it names what a store belongs to (V-32).
func (w Wisdom) Host() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if port := u.Port(); port != "" && !(u.Scheme == "https" && port == "443") && !(u.Scheme == "http" && port == "80") {
		return net.JoinHostPort(host, port)
	}
	return host
}
