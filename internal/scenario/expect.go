package scenario

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// judge says what of the expectation does not hold, and keeps what is to be captured.
func (e Expect) judge(got *answer, refs references) []string {
	switch {
	case !slices.Contains(e.Status, got.status):
		return []string{fmt.Sprintf("expected %s, got %d", statuses(e.Status), got.status)}
	case got.status >= http.StatusBadRequest && !e.onlyRefusals():
		return nil // a refusal where success was allowed too ends the step well
	}
	wrong := e.judgeHeader(got.header, refs)
	if len(got.body) == 0 || !e.looksAtBody(got.status) {
		return wrong
	}
	body, err := decode(got.body)
	if err != nil {
		return append(wrong, "expected a JSON body: "+err.Error())
	}
	wrong = append(wrong, e.judgeParts(body, refs)...)
	wrong = append(wrong, e.judgePointers(body)...)
	for _, name := range slices.Sorted(maps.Keys(e.Capture)) {
		at := e.Capture[name]
		value, _ := resolve(body, at)
		text, ok := value.(string)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: expected a string to capture as {{%s}}, got %s", at, name, showAt(body, at)))
			continue
		}
		refs[name] = text
	}
	return wrong
}

// onlyRefusals is whether 4xx is the only kind of status listed.
func (e Expect) onlyRefusals() bool {
	return !slices.ContainsFunc(e.Status, func(s int) bool { return s < 400 || s > 499 })
}

func (e Expect) looksAtBody(status int) bool {
	hasExpectation := e.BodyHas != nil || len(e.BodyHasNot)+len(e.BodyLacks)+len(e.BodyCount)+len(e.BodyType)+len(e.Capture) > 0
	return hasExpectation && (status < 300 || e.onlyRefusals())
}

func (e Expect) judgeHeader(header http.Header, refs references) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(e.HeaderHas)) {
		part, err := refs.fill(e.HeaderHas[name], inHeader)
		values := header.Values(name)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("header %s: %v", name, err))
		case len(values) == 0:
			wrong = append(wrong, fmt.Sprintf("header %s: expected it, it is not there", name))
		case !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, part) }):
			wrong = append(wrong, fmt.Sprintf("header %s: expected %q in it, got %q", name, part, strings.Join(values, ", ")))
		}
	}
	return wrong
}

func (e Expect) judgeParts(body any, refs references) (wrong []string) {
	if e.BodyHas != nil {
		want, err := refs.value(e.BodyHas)
		if err != nil {
			wrong = append(wrong, "bodyHas: "+err.Error())
		} else {
			wrong = append(wrong, differences(want, body, "")...)
		}
	}
	for _, part := range e.BodyHasNot {
		want, err := refs.value(part)
		switch {
		case err != nil:
			wrong = append(wrong, "bodyHasNot: "+err.Error())
		case matches(want, body):
			wrong = append(wrong, "expected an answer without "+show(want))
		}
	}
	return wrong
}

func (e Expect) judgePointers(body any) (wrong []string) {
	for _, at := range e.BodyLacks {
		value, found := resolve(body, at)
		if found && (!isEmpty(value) || mustBeAbsent(at)) {
			wrong = append(wrong, fmt.Sprintf("%s: expected nothing, got %s", at, show(value)))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(e.BodyCount)) {
		value, _ := resolve(body, at)
		list, isList := value.([]any)
		switch {
		case !isList:
			wrong = append(wrong, fmt.Sprintf("%s: expected a list of %d, got %s", at, e.BodyCount[at], showAt(body, at)))
		case len(list) != e.BodyCount[at]:
			wrong = append(wrong, fmt.Sprintf("%s: expected %d elements, got %d: %s", at, e.BodyCount[at], len(list), show(list)))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(e.BodyType)) {
		value, _ := resolve(body, at)
		if typeOf(value) != e.BodyType[at] {
			wrong = append(wrong, fmt.Sprintf("%s: expected a value of type %s, got %s", at, e.BodyType[at], showAt(body, at)))
		}
	}
	return wrong
}

// mustBeAbsent is the exception of bodyLacks: an empty `members` tells a client that
// the group has none, and a password is not even to be mentioned.
func mustBeAbsent(pointer string) bool {
	return strings.HasSuffix(pointer, "/members") || slices.ContainsFunc(tokens(pointer), func(token string) bool {
		return strings.EqualFold(token, "password")
	})
}

// statuses names the allowed ones: "status 200 or 204".
func statuses(allowed []int) string {
	words := make([]string, len(allowed))
	for i, status := range allowed {
		words[i] = fmt.Sprint(status)
	}
	return "status " + strings.Join(words, " or ")
}
