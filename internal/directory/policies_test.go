package directory

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// policies are the values that differ from the default, which is "default".
var policies = map[string]func(*Options){
	"default":                   func(*Options) {},
	"on_deactivate=delete":      func(o *Options) { o.Policy.OnDeactivate = "delete" },
	"on_delete=suspend":         func(o *Options) { o.Policy.OnDelete = "suspend" },
	"on_delete_adopted=delete":  func(o *Options) { o.Policy.OnDeleteAdopted = "delete" },
	"on_rename=delete_old":      func(o *Options) { o.Policy.OnRename = "delete_old" },
	"on_rename=refuse":          func(o *Options) { o.Policy.OnRename = "refuse" },
	"on_rename_conflict=adopt":  func(o *Options) { o.Policy.OnRenameConflict = "adopt" },
	"manual_roles=overwrite":    func(o *Options) { o.Policy.ManualRoles = "overwrite" },
	"unowned_attributes=remove": func(o *Options) { o.Policy.UnownedAttributes = "remove" },
	"identity_attributes=false": func(o *Options) { o.Policy.NoIdentityAttributes = true },
	"suspend_remember=10m":      func(o *Options) { o.Policy.SuspendRemember = 10 * time.Minute },
	"welcome_email=true":        func(o *Options) { o.Policy.WelcomeEmail = true },
	"user_groups=[ug_1]":        func(o *Options) { o.Policy.UserGroups = []string{"ug_1"} },
	"drift.lost=repair":         func(o *Options) { o.Drift.Lost = "repair" },
	"drift.changed=report":      func(o *Options) { o.Drift.Changed = "report" },
}

// story is the working life of two people. Ann was made by the bridge, Bob was at WisdomAI before, and the IdP found
// him there. Both are in Explorers and have a department; both have CREATOR by hand, and crm_id from another system.
type story struct {
	*world
	ann, bob  string // SCIM ids
	explorers Group
	refused   []string // kinds of the refusals
	mails     []string // who was sent a welcome e-mail, and who was put into user groups
	marks     bool     // show the identity attributes too
}

func (s *story) each(do func(id, name string)) {
	do(s.ann, "ann")
	do(s.bob, "bob")
}

// try notes a refusal.
func (s *story) try(err error) {
	var refused *Error
	if errors.As(err, &refused) {
		s.refused = append(s.refused, string(refused.Kind))
	} else if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) emptyGroup() { s.patch(s.explorers.ID, GroupChange{ReplaceMembers: &[]MemberRef{}}) }

// lives are the events of working lives, by name.
var lives = map[string]func(*story){
	"joiner": func(s *story) {
		cy := s.create(person("cy@example.com", "department", "Sales"))
		s.patch(s.explorers.ID, GroupChange{Add: refs(cy.ID)})
		s.marks = true
	},
	"mover": func(s *story) {
		s.group("Viewers", s.ann, s.bob)
		s.emptyGroup()
		s.each(func(id, _ string) { s.mustUpdate(id, "department", "Finance") })
	},
	"leaver": func(s *story) {
		s.each(func(id, _ string) { s.mustUpdate(id, "active", false) })
		s.marks = true
	},
	"rehire, reactivated after an hour": func(s *story) {
		s.each(func(id, _ string) { s.mustUpdate(id, "active", false) })
		s.pass(time.Hour)
		s.each(func(id, _ string) { s.mustUpdate(id, "active", true) })
	},
	"deleted": func(s *story) {
		s.each(func(id, _ string) { s.try(s.dir.DeleteUser(s.t.Context(), okta, id, Precondition{})) })
	},
	"rehire, deleted and created anew": func(s *story) {
		s.each(func(id, name string) {
			s.try(s.dir.DeleteUser(s.t.Context(), okta, id, Precondition{}))
			s.pass(time.Minute)
			s.create(person(name+"@example.com", "department", "Board"))
		})
	},
	"rename": func(s *story) {
		s.each(func(id, name string) { s.try(s.update(id, "userName", name+".new@example.com")) })
	},
	"rename to an address that somebody has": func(s *story) { s.try(s.update(s.ann, "userName", "dan@example.com")) },
	"group renamed": func(s *story) {
		name := "Viewers"
		s.patch(s.explorers.ID, GroupChange{SetDisplayName: &name})
	},
	"group deleted": func(s *story) { s.try(s.dir.DeleteGroup(s.t.Context(), okta, s.explorers.ID, Precondition{})) },
	"app removed: groups, then people deactivated, then deleted": func(s *story) {
		s.try(s.dir.DeleteGroup(s.t.Context(), okta, s.explorers.ID, Precondition{}))
		s.each(func(id, _ string) { s.mustUpdate(id, "active", false) })
		s.pass(time.Minute)
		s.each(func(id, _ string) { s.try(s.dir.DeleteUser(s.t.Context(), okta, id, Precondition{})) })
	},
	"IdP changed: another finds and replaces people, with ids and groups of its own": func(s *story) {
		s.each(func(_, name string) {
			found := s.lookup(name + "@example.com")
			if len(found) != 1 {
				s.t.Fatalf("the new IdP finds %d people at %s", len(found), name)
			}
			s.mustUpdate(found[0].ID, "externalId", "entra-"+name, "department", "Sales")
		})
		s.group("explorer-x", s.ann, s.bob)
		s.try(s.dir.DeleteGroup(s.t.Context(), okta, s.explorers.ID, Precondition{}))
		s.marks = true
	},
	"an administrator takes the group's role, and changes the department": func(s *story) {
		s.pass(20 * time.Minute)
		s.looks()
		s.each(func(_, name string) { s.byHand(name+"@example.com", "-EXPLORER", "department=Board") })
		s.looks()
	},
	"an administrator deletes": func(s *story) {
		s.pass(20 * time.Minute)
		s.looks()
		s.sim.RemoveUsers("ann@example.com", "bob@example.com")
		s.looks()
	},
	"an administrator gives a role to somebody suspended": func(s *story) {
		s.each(func(id, _ string) { s.mustUpdate(id, "active", false) })
		s.pass(20 * time.Minute)
		s.looks()
		s.each(func(_, name string) {
			if s.at(name+"@example.com") != "-" {
				s.byHand(name+"@example.com", "+AGENT_VIEWER")
			}
		})
		s.looks()
	},
}

// told is what has become of everybody.
func (s *story) told() []string {
	var lines []string
	for _, name := range []string{"ann", "ann.new", "bob", "bob.new", "cy", "dan"} {
		email := name + "@example.com"
		at := s.at(email)
		if at == "-" && (strings.HasSuffix(name, ".new") || name == "cy") || name == "dan" && at == "VIEWER" {
			continue
		}
		if u := s.there(email); s.marks && u != nil {
			for _, a := range u.UserAttributes {
				if a.Key == "scim_state" || a.Key == "scim_external_id" {
					at += " " + a.Key + "=" + a.Value
				}
			}
		}
		lines = append(lines, name+": "+at)
	}
	if n := len(s.holds()); n > 0 {
		lines = append(lines, fmt.Sprintf("%d held", n))
	}
	if len(s.refused) > 0 {
		lines = append(lines, "refused: "+strings.Join(s.refused, ", "))
	}
	if len(s.mails) > 0 {
		lines = append(lines, "asked for: "+strings.Join(s.mails, ", "))
	}
	return lines
}

// live plays one event under one policy.
func live(t *testing.T, event, policy string) (told []string) {
	inWorld(t, func(w *world) {
		s := &story{world: w}
		w.after = func(e simulator.Effect) {
			if e.Before != nil || e.After == nil || e.Operation != "createUsers" {
				return
			}
			name, _, _ := strings.Cut(e.After.Email, "@")
			if e.WelcomeEmail {
				s.mails = append(s.mails, "mail to "+name)
			}
			if len(e.UserGroupIDs) > 0 {
				s.mails = append(s.mails, fmt.Sprint(name, " in ", e.UserGroupIDs))
			}
		}
		w.invite("bob@example.com", "CREATOR", "crm_id=77")
		w.invite("dan@example.com", "VIEWER")
		w.pass(time.Second)
		s.bob = w.lookup("bob@example.com")[0].ID
		s.ann = w.create(person("ann@example.com", "department", "Sales")).ID
		w.byHand("ann@example.com", "+CREATOR", "crm_id=77")
		w.pass(6 * time.Second)
		w.lookup("nobody@example.com")
		w.mustUpdate(s.bob, "department", "Sales")
		s.explorers = w.group("Explorers", s.ann, s.bob)
		w.pass(10 * time.Second)
		w.lookup("nobody@example.com")
		w.pass(time.Second)
		if !strings.HasPrefix(policy, "manual_roles") && !strings.HasPrefix(policy, "unowned") {
			w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales")
			w.wantAt("bob@example.com", "CREATOR EXPLORER crm_id=77 department=Sales")
		}
		s.mails = nil
		lives[event](s)
		w.pass(10 * time.Second)
		w.lookup("nobody@example.com")
		w.pass(5 * time.Second)
		told = s.told()
	}, func(w *world) { policies[policy](&w.o) })
	return told
}

// TestPolicies: what becomes of access at each turn of a working life, by the values of the policies. Every
// value differs somewhere from the default. That it changes nothing elsewhere is played with
// SCIMBRIDGE_TEST_POLICIES=all: some two hundred lives.
func TestPolicies(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	everything := os.Getenv("SCIMBRIDGE_TEST_POLICIES") == "all"
	shown := map[string]bool{}
	for event := range lives {
		for policy := range policies {
			want, differs := wantPolicies[event][policy]
			shown[policy] = shown[policy] || differs
			if !differs {
				if !everything {
					continue
				}
				want = wantPolicies[event]["default"]
			}
			t.Run(event+"/"+policy, func(t *testing.T) {
				if diff := cmp.Diff(want, live(t, event, policy)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
	for policy := range policies {
		if !shown[policy] {
			t.Errorf("no event shows what %s does", policy)
		}
	}
}

// wantPolicies are the outcomes: of the default, and of each value where it differs.
var wantPolicies = map[string]map[string][]string{
	"IdP changed: another finds and replaces people, with ids and groups of its own": {
		"default":                   {"ann: CREATOR EXPLORER@[x] crm_id=77 department=Sales scim_external_id=entra-ann scim_state=active", "bob: CREATOR EXPLORER@[x] crm_id=77 department=Sales scim_external_id=entra-bob scim_state=active"},
		"identity_attributes=false": {"ann: CREATOR EXPLORER@[x] crm_id=77 department=Sales", "bob: CREATOR EXPLORER@[x] crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: EXPLORER@[x] crm_id=77 department=Sales scim_external_id=entra-ann scim_state=active", "bob: EXPLORER@[x] crm_id=77 department=Sales scim_external_id=entra-bob scim_state=active"},
		"unowned_attributes=remove": {"ann: CREATOR EXPLORER@[x] department=Sales scim_external_id=entra-ann scim_state=active", "bob: CREATOR EXPLORER@[x] department=Sales scim_external_id=entra-bob scim_state=active"},
	},
	"an administrator deletes": {
		"default":           {"ann: -", "bob: -"},
		"drift.lost=repair": {"ann: EXPLORER department=Sales", "bob: EXPLORER department=Sales"},
	},
	"an administrator gives a role to somebody suspended": {
		"default":                   {"ann: no role crm_id=77", "bob: no role crm_id=77"},
		"on_deactivate=delete":      {"ann: -", "bob: no role crm_id=77", "1 held"},
		"unowned_attributes=remove": {"ann: no role", "bob: no role"},
	},
	"an administrator takes the group's role, and changes the department": {
		"default":                   {"ann: CREATOR crm_id=77 department=Sales", "bob: CREATOR crm_id=77 department=Sales"},
		"drift.changed=report":      {"ann: CREATOR crm_id=77 department=Board", "bob: CREATOR crm_id=77 department=Board"},
		"drift.lost=repair":         {"ann: CREATOR EXPLORER crm_id=77 department=Sales", "bob: CREATOR EXPLORER crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: no role crm_id=77 department=Sales", "bob: no role crm_id=77 department=Sales"},
		"unowned_attributes=remove": {"ann: CREATOR department=Sales", "bob: CREATOR department=Sales"},
	},
	"app removed: groups, then people deactivated, then deleted": {
		"default":                   {"ann: -", "bob: no role crm_id=77", "1 held"},
		"on_delete=suspend":         {"ann: no role crm_id=77", "bob: no role crm_id=77"},
		"on_delete_adopted=delete":  {"ann: -", "bob: -"},
		"unowned_attributes=remove": {"ann: -", "bob: no role", "1 held"},
	},
	"deleted": {
		"default":                   {"ann: -", "bob: no role crm_id=77", "1 held"},
		"on_delete=suspend":         {"ann: no role crm_id=77", "bob: no role crm_id=77"},
		"on_delete_adopted=delete":  {"ann: -", "bob: -"},
		"unowned_attributes=remove": {"ann: -", "bob: no role", "1 held"},
	},
	"group deleted": {
		"default":                   {"ann: CREATOR crm_id=77 department=Sales", "bob: CREATOR crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: no role crm_id=77 department=Sales", "bob: no role crm_id=77 department=Sales"},
		"unowned_attributes=remove": {"ann: CREATOR department=Sales", "bob: CREATOR department=Sales"},
	},
	"group renamed": {
		"default":                   {"ann: CREATOR VIEWER crm_id=77 department=Sales", "bob: CREATOR VIEWER crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: VIEWER crm_id=77 department=Sales", "bob: VIEWER crm_id=77 department=Sales"},
		"unowned_attributes=remove": {"ann: CREATOR VIEWER department=Sales", "bob: CREATOR VIEWER department=Sales"},
	},
	"joiner": {
		"default":                   {"ann: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "bob: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "cy: EXPLORER department=Sales scim_state=active"},
		"identity_attributes=false": {"ann: CREATOR EXPLORER crm_id=77 department=Sales", "bob: CREATOR EXPLORER crm_id=77 department=Sales", "cy: EXPLORER department=Sales"},
		"manual_roles=overwrite":    {"ann: EXPLORER crm_id=77 department=Sales scim_state=active", "bob: EXPLORER crm_id=77 department=Sales scim_state=active", "cy: EXPLORER department=Sales scim_state=active"},
		"unowned_attributes=remove": {"ann: CREATOR EXPLORER department=Sales scim_state=active", "bob: CREATOR EXPLORER department=Sales scim_state=active", "cy: EXPLORER department=Sales scim_state=active"},
		"user_groups=[ug_1]":        {"ann: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "bob: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "cy: EXPLORER department=Sales scim_state=active", "asked for: cy in [ug_1]"},
		"welcome_email=true":        {"ann: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "bob: CREATOR EXPLORER crm_id=77 department=Sales scim_state=active", "cy: EXPLORER department=Sales scim_state=active", "asked for: mail to cy"},
	},
	"leaver": {
		"default":                   {"ann: no role crm_id=77 scim_state=suspended", "bob: no role crm_id=77 scim_state=suspended"},
		"identity_attributes=false": {"ann: no role crm_id=77", "bob: no role crm_id=77"},
		"on_deactivate=delete":      {"ann: -", "bob: no role crm_id=77 scim_state=suspended", "1 held"},
		"unowned_attributes=remove": {"ann: no role scim_state=suspended", "bob: no role scim_state=suspended"},
	},
	"mover": {
		"default":                   {"ann: CREATOR VIEWER crm_id=77 department=Finance", "bob: CREATOR VIEWER crm_id=77 department=Finance"},
		"manual_roles=overwrite":    {"ann: VIEWER crm_id=77 department=Finance", "bob: VIEWER crm_id=77 department=Finance"},
		"unowned_attributes=remove": {"ann: CREATOR VIEWER department=Finance", "bob: CREATOR VIEWER department=Finance"},
	},
	"rehire, deleted and created anew": {
		"default":            {"ann: no role department=Board", "bob: no role department=Board"},
		"user_groups=[ug_1]": {"ann: no role department=Board", "bob: no role department=Board", "asked for: ann in [ug_1]"},
	},
	"rehire, reactivated after an hour": {
		"default":                   {"ann: CREATOR EXPLORER crm_id=77 department=Sales", "bob: CREATOR EXPLORER crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: EXPLORER crm_id=77 department=Sales", "bob: EXPLORER crm_id=77 department=Sales"},
		"suspend_remember=10m":      {"ann: EXPLORER crm_id=77 department=Sales", "bob: EXPLORER crm_id=77 department=Sales"},
		"unowned_attributes=remove": {"ann: CREATOR EXPLORER department=Sales", "bob: CREATOR EXPLORER department=Sales"},
	},
	"rename": {
		"default":                   {"ann: no role crm_id=77", "ann.new: CREATOR EXPLORER crm_id=77 department=Sales", "bob: no role crm_id=77", "bob.new: CREATOR EXPLORER crm_id=77 department=Sales"},
		"manual_roles=overwrite":    {"ann: no role crm_id=77", "ann.new: EXPLORER crm_id=77 department=Sales", "bob: no role crm_id=77", "bob.new: EXPLORER crm_id=77 department=Sales"},
		"on_rename=delete_old":      {"ann: -", "ann.new: CREATOR EXPLORER crm_id=77 department=Sales", "bob: no role crm_id=77", "bob.new: CREATOR EXPLORER crm_id=77 department=Sales", "1 held"},
		"on_rename=refuse":          {"ann: CREATOR EXPLORER crm_id=77 department=Sales", "bob: CREATOR EXPLORER crm_id=77 department=Sales", "refused: mutability, mutability"},
		"unowned_attributes=remove": {"ann: no role", "ann.new: CREATOR EXPLORER department=Sales", "bob: no role", "bob.new: CREATOR EXPLORER department=Sales"},
		"user_groups=[ug_1]":        {"ann: no role crm_id=77", "ann.new: CREATOR EXPLORER crm_id=77 department=Sales", "bob: no role crm_id=77", "bob.new: CREATOR EXPLORER crm_id=77 department=Sales", "asked for: ann.new in [ug_1], bob.new in [ug_1]"},
		"welcome_email=true":        {"ann: no role crm_id=77", "ann.new: CREATOR EXPLORER crm_id=77 department=Sales", "bob: no role crm_id=77", "bob.new: CREATOR EXPLORER crm_id=77 department=Sales", "asked for: mail to ann.new, mail to bob.new"},
	},
	"rename to an address that somebody has": {
		"default":                   {"ann: CREATOR EXPLORER crm_id=77 department=Sales", "bob: CREATOR EXPLORER crm_id=77 department=Sales", "refused: conflict"},
		"manual_roles=overwrite":    {"ann: EXPLORER crm_id=77 department=Sales", "bob: EXPLORER crm_id=77 department=Sales", "refused: conflict"},
		"on_rename_conflict=adopt":  {"ann: no role crm_id=77", "bob: CREATOR EXPLORER crm_id=77 department=Sales", "dan: EXPLORER VIEWER department=Sales"},
		"unowned_attributes=remove": {"ann: CREATOR EXPLORER department=Sales", "bob: CREATOR EXPLORER department=Sales", "refused: conflict"},
	},
}
