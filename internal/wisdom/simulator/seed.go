package simulator

import (
	"fmt"
	"strings"
	"time"
)

// Invented names: no two of a list begin alike, so that people are told apart at a glance.
var (
	givenNames = [...]string{
		"Amira", "Bastian", "Celeste", "Dmitri", "Eleni", "Farid", "Greta", "Hideo", "Ines", "Jamal",
		"Katya", "Luca", "Mirela", "Nils", "Oona", "Priya", "Quentin", "Rosalind", "Soren", "Tamsin",
		"Ulrich", "Valeria", "Wendell", "Ximena", "Yusuf", "Zofia",
	}
	familyNames = [...]string{
		"Abara", "Bergstrom", "Castellan", "Dunmore", "Eriksen", "Fontaine", "Grigoryan", "Halloran",
		"Ishikawa", "Jankowski", "Kestrel", "Lindqvist", "Marchetti", "Novak", "Okonkwo", "Petrakis",
		"Quillfeather", "Rasmussen", "Sandoval", "Thackeray", "Underhill", "Vasquez", "Winterbourne",
		"Yamazaki", "Zimmer",
	}
	departments = [...]string{"Finance", "Sales", "Engineering", "Support", "Operations"}
	regions     = [...]string{"EMEA", "AMER", "APAC"}
)

// founded is when the owner came, and after him, a minute each, whoever is invented:
// a fixed date, so that two simulators with the same people are the same.
var founded = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)

// invent makes n people at example.com, always the same n. Some have several roles,
// scopes, none at all, attributes of both sources, and a key that stands in both.
func invent(n int) []User {
	users := make([]User, n)
	for i := range users {
		given := givenNames[i%len(givenNames)]
		// 26 and 25 have no common divisor, so every pair comes once before any comes again.
		family := familyNames[i%len(familyNames)]
		address := strings.ToLower(given + "." + family)
		if round := i / (len(givenNames) * len(familyNames)); round > 0 {
			address += fmt.Sprint(round + 1)
		}
		u := User{
			Email:             address + "@example.com",
			Name:              given + " " + family,
			CreationTimestamp: founded.Add(time.Duration(i+1) * time.Minute).Format(time.RFC3339),
			RoleAssignments:   inventRoles(i),
			UserAttributes:    inventAttributes(i),
		}
		if i%4 != 3 {
			seen := founded.Add(time.Duration(i+1)*time.Minute + 26*time.Hour).Format(time.RFC3339)
			u.LastActiveSessionTimestamp = &seen
		}
		users[i] = u
	}
	return users
}

func inventRoles(i int) []RoleAssignment {
	role := func(name string, scopes ...string) RoleAssignment {
		return RoleAssignment{RoleID: roleID(name), Scopes: append([]string{}, scopes...)}
	}
	switch i % 8 {
	case 0, 1, 2:
		return []RoleAssignment{role("BASIC_EXPLORER")}
	case 3:
		return []RoleAssignment{role("EXPLORER")}
	case 4:
		return []RoleAssignment{role("VIEWER", "ET_DOMAIN_sales")}
	case 5:
		return []RoleAssignment{role("EXPLORER", "ET_DOMAIN_finance", "ET_DOMAIN_sales"), role("STORY_WRITER")}
	case 6:
		return []RoleAssignment{}
	default:
		return []RoleAssignment{role("DATA_ADMIN", "ET_DOMAIN_finance")}
	}
}

func inventAttributes(i int) []UserAttribute {
	department, region := departments[i%len(departments)], regions[i%len(regions)]
	attributes := []UserAttribute{}
	add := func(key, value, source string) {
		attributes = append(attributes, UserAttribute{Key: key, Value: value, Source: source})
	}
	if i%5 != 4 {
		add("department", department, sourceDatabase)
	}
	if i%2 == 0 {
		add("region", region, sourceDatabase)
	}
	if i%3 == 0 {
		add("locale", "en", sourceJWT)
	}
	if i%6 == 0 {
		add("department", department, sourceJWT)
	}
	return attributes
}
