package simulator

import (
	"fmt"
	"reflect"
	"slices"
)

// replaceAll makes the users the only ones beside the owner.
func (p *people) replaceAll(users []User) error {
	return p.change(func(tx *change) error { return tx.replace(opPutUsers, users) })
}

// put upserts users by e-mail; what is left out of one stays as it is.
func (p *people) put(operation string, users []User) error {
	return p.change(func(tx *change) error {
		if err := tx.checkAll(users, tx.byID); err != nil {
			return err
		}
		for _, u := range users {
			tx.upsert(operation, u)
		}
		return nil
	})
}

// removeEmails removes by e-mail whoever is there, except the owner.
func (p *people) removeEmails(emails []string) {
	_ = p.change(func(tx *change) error {
		for _, email := range emails {
			if u := tx.find(email); u != nil && u.ID != tx.ownerID {
				tx.remove(u, Effect{Operation: opDeleteUsers, Target: email})
			}
		}
		return nil
	})
}

// replace removes everybody who is not among the users, and upserts these whole. The
// owner stays, whether he is among them or not.
func (tx *change) replace(operation string, users []User) error {
	owner := tx.byID(tx.ownerID)
	if err := tx.checkAll(users, func(id string) *User {
		if id == owner.ID {
			return owner
		}
		return nil // everybody else makes room
	}); err != nil {
		return err
	}
	keep, claimed := make(map[string]User, len(users)), make(map[string]string, len(users))
	for _, u := range users {
		keep[fold(u.Email)] = u
		claimed[u.ID] = fold(u.Email)
	}
	for _, u := range slices.Clone(tx.users) {
		kept, ok := keep[fold(u.Email)]
		by, taken := claimed[u.ID]
		renumbered := kept.ID != "" && kept.ID != u.ID || taken && by != fold(u.Email)
		if u.ID != tx.ownerID && (!ok || renumbered) {
			tx.remove(u, Effect{Operation: operation, Target: u.Email})
		}
	}
	for _, u := range users {
		before := tx.find(u.Email)
		if before == nil {
			tx.add(u, Effect{Operation: operation, Target: u.Email})
			continue
		}
		u.ID = before.ID
		if u.CreationTimestamp == "" {
			u.CreationTimestamp = before.CreationTimestamp
		}
		tx.settle(operation, before, u)
	}
	return nil
}

// checkAll refuses a list that contradicts itself or those who hold its ids.
func (tx *change) checkAll(users []User, holder func(id string) *User) error {
	emails, ids := map[string]bool{}, map[string]bool{}
	for _, u := range users {
		if err := u.check(); err != nil {
			return err
		}
		email := fold(u.Email)
		if emails[email] {
			return fmt.Errorf("user %q: stands twice in the list", u.Email)
		}
		emails[email] = true
		if u.ID == "" {
			continue
		}
		if ids[u.ID] {
			return fmt.Errorf("user %q: id %q stands twice in the list", u.Email, u.ID)
		}
		ids[u.ID] = true
		if h := holder(u.ID); h != nil && fold(h.Email) != email {
			return fmt.Errorf("user %q: id %q is that of %s; an e-mail cannot be changed", u.Email, u.ID, h.Email)
		}
		if there := tx.find(u.Email); there != nil && there.ID != u.ID && holder(there.ID) != nil {
			return fmt.Errorf("user %q: has the id %q already", u.Email, there.ID)
		}
	}
	return nil
}

// upsert adds somebody, or changes of him what is given.
func (tx *change) upsert(operation string, u User) {
	before := tx.find(u.Email)
	if before == nil {
		tx.add(u, Effect{Operation: operation, Target: u.Email})
		return
	}
	after := before.clone()
	if u.Name != "" {
		after.Name = u.Name
	}
	if u.CreationTimestamp != "" {
		after.CreationTimestamp = u.CreationTimestamp
	}
	if u.LastActiveSessionTimestamp != nil {
		after.LastActiveSessionTimestamp = u.LastActiveSessionTimestamp
	}
	if u.RoleAssignments != nil {
		after.RoleAssignments = u.RoleAssignments
	}
	if u.UserAttributes != nil {
		after.UserAttributes = u.UserAttributes
	}
	tx.settle(operation, before, after)
}

// settle puts after in place of before if they differ. The owner stays an ADMIN.
func (tx *change) settle(operation string, before *User, after User) {
	if before.ID == tx.ownerID && !after.has(roleID("ADMIN")) {
		after.RoleAssignments = append([]RoleAssignment{{RoleID: roleID("ADMIN")}}, after.RoleAssignments...)
	}
	after = after.normal()
	if !reflect.DeepEqual(*before, after) {
		tx.set(before, after, Effect{Operation: operation, Target: after.Email})
	}
}
