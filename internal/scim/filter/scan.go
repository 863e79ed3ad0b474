package filter

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// operator is a comparison (RFC 7644 table 3), or present.
type operator uint8

const (
	eq operator = iota
	ne
	co
	sw
	ew
	gt
	ge
	lt
	le
	pr
)

// operatorNames are the operators in order, two letters each.
const operatorNames = "eqnecoswewgtgeltlepr"

func (o operator) String() string { return operatorNames[2*o : 2*o+2] }

func operatorOf(word string) (operator, bool) {
	if len(word) != 2 {
		return 0, false
	}
	a, b := word[0]|0x20, word[1]|0x20
	for i := 0; i < len(operatorNames); i += 2 {
		if operatorNames[i] == a && operatorNames[i+1] == b {
			return operator(i / 2), true
		}
	}
	return 0, false
}

type tokenKind uint8

const (
	openToken tokenKind = iota
	closeToken
	openBracket
	closeBracket
	notToken
	andToken
	orToken
	pathToken     // an attribute path
	subToken      // the name after a closing bracket and a dot
	operatorToken // eq, pr, ...
	literalToken
)

type literalKind uint8

const (
	stringLiteral literalKind = iota
	numberLiteral
	booleanLiteral
	nullLiteral
)

type token struct {
	kind       tokenKind
	op         operator    // of an operatorToken
	literal    literalKind // of a literalToken
	escaped    bool        // a string literal with a backslash in it
	start, end int         // in the text
}

// scanner cuts a filter into tokens and makes its shape: the text in one spelling
// with every literal replaced by its kind. It knows what may follow what, so that a fault
// is reported with its place; the parser's errors do not say where.
type scanner struct {
	text     string
	at       int
	opts     Options
	tokens   []token
	shape    []byte
	open     []byte // parentheses and brackets that are open
	brackets bool   // inside brackets
	terms    int
}

func (s *scanner) reset(text string, opts Options) {
	*s = scanner{text: text, opts: opts, tokens: s.tokens[:0], shape: s.shape[:0], open: s.open[:0]}
}

// expectation is what the grammar asks for next.
type expectation uint8

const (
	anOperand expectation = iota
	anOperator
	aValue
	aConnective
)

func (e expectation) String() string {
	switch e {
	case anOperand:
		return "an attribute, not or an opening parenthesis"
	case anOperator:
		return "an operator (eq, ne, co, sw, ew, pr, gt, ge, lt, le)"
	case aValue:
		return "a value (a string in double quotes, a number, true, false or null)"
	}
	return "and, or, or the end"
}

// scan reads a whole filter.
func (s *scanner) scan() *Error { return s.scanUntil(false) }

// scanBrackets reads the inside of the brackets of a path, from behind the opening one
// to behind the closing one.
func (s *scanner) scanBrackets() *Error {
	s.open = append(s.open, '[')
	s.brackets = true
	return s.scanUntil(true)
}

func closing(open byte) string {
	if open == '(' {
		return ")"
	}
	return "]"
}

// scanUntil reads until the end of the text, or until nothing is open any more.
func (s *scanner) scanUntil(closed bool) *Error {
	if i := firstInvalid(s.text); i >= 0 {
		return invalidFilter(i, "the text is not valid UTF-8")
	}
	expect := anOperand
	for {
		blank := s.skipBlanks()
		if s.at == len(s.text) {
			return s.end(expect)
		}
		start := s.at
		var err *Error
		switch c := s.text[start]; c {
		case '(', '[':
			if c == '(' && expect != anOperand || c == '[' && expect != anOperator {
				return s.unexpected(expect)
			}
			expect = anOperand
			err = s.enter(c)
		case ')', ']':
			if expect != aConnective || len(s.open) == 0 || closing(s.open[len(s.open)-1])[0] != c {
				return s.unexpected(expect)
			}
			s.leave(c)
			if closed && len(s.open) == 0 {
				return nil
			}
			if c == ']' && !s.opts.Strict && s.at < len(s.text) && s.text[s.at] == '.' {
				s.at++
				from := s.at
				word := s.word()
				s.add(token{kind: subToken, start: from, end: s.at})
				s.shape = append(append(s.shape, '.'), word...)
				expect = anOperator
			}
		case '"':
			if expect != aValue || !blank {
				return s.unexpected(expect)
			}
			expect = aConnective
			err = s.quoted()
		default:
			expect, err = s.wordFor(expect, blank)
		}
		if err != nil {
			return err
		}
	}
}

// end says whether the text may end here.
func (s *scanner) end(expect expectation) *Error {
	switch {
	case len(s.tokens) == 0 && len(s.open) == 0:
		return invalidFilter(0, "the filter is empty")
	case expect != aConnective:
		return invalidFilter(len(s.text), "expected %s, found the end", expect)
	case len(s.open) > 0:
		return invalidFilter(len(s.text), "expected %q, found the end", closing(s.open[len(s.open)-1]))
	}
	return nil
}

func (s *scanner) enter(c byte) *Error {
	if c == '[' && s.brackets {
		return invalidFilter(s.at, "brackets within brackets are not allowed")
	}
	if len(s.open) >= s.opts.MaxDepth {
		return invalidFilter(s.at, "more than %d parentheses and brackets within one another", s.opts.MaxDepth)
	}
	kind := openToken
	if c == '[' {
		kind, s.brackets = openBracket, true
	}
	s.open = append(s.open, c)
	s.add(token{kind: kind, start: s.at, end: s.at + 1})
	s.shape = append(s.shape, c)
	s.at++
	return nil
}

func (s *scanner) leave(c byte) {
	kind := closeToken
	if c == ']' {
		kind, s.brackets = closeBracket, false
	}
	s.open = s.open[:len(s.open)-1]
	s.add(token{kind: kind, start: s.at, end: s.at + 1})
	s.shape = append(s.shape, c)
	s.at++
}

// wordFor reads what is neither string nor parenthesis.
func (s *scanner) wordFor(expect expectation, blank bool) (expectation, *Error) {
	start := s.at
	word := s.word()
	switch expect {
	case anOperand:
		if strings.EqualFold(word, "not") {
			s.skipBlanks()
			if s.at == len(s.text) || s.text[s.at] != '(' {
				return 0, invalidFilter(s.at, "not needs a parenthesis: not (...)")
			}
			s.add(token{kind: notToken, start: start, end: start + len(word)})
			s.shape = append(s.shape, '!')
			return anOperand, nil
		}
		if s.terms++; s.terms > s.opts.MaxTerms {
			return 0, invalidFilter(start, "more than %d comparisons", s.opts.MaxTerms)
		}
		s.add(token{kind: pathToken, start: start, end: s.at})
		s.shape = append(s.shape, word...)
		return anOperator, nil

	case anOperator:
		op, ok := operatorOf(word)
		if !ok {
			return 0, invalidFilter(start, "unknown operator %s; expected one of eq, ne, co, sw, ew, pr, gt, ge, lt, le", quote(word))
		}
		s.add(token{kind: operatorToken, op: op, start: start, end: s.at})
		s.shape = append(append(s.shape, ' '), op.String()...)
		if op == pr {
			return aConnective, nil
		}
		return aValue, nil

	case aValue:
		kind, ok := literalOf(word, s.opts.Strict)
		if !ok {
			s.at = start
			return 0, s.unexpected(expect)
		}
		s.add(token{kind: literalToken, literal: kind, start: start, end: s.at})
		s.shape = append(s.shape, ' ', "\"0bn"[kind])
		return aConnective, nil
	}

	kind, sign := andToken, byte('&')
	switch {
	case strings.EqualFold(word, "and"):
	case strings.EqualFold(word, "or"):
		kind, sign = orToken, '|'
	default:
		s.at = start
		return 0, s.unexpected(expect)
	}
	if !blank {
		return 0, invalidFilter(start, "expected a blank before %s", quote(word))
	}
	if s.at < len(s.text) && !isBlank(s.text[s.at]) {
		return 0, invalidFilter(s.at, "expected a blank after %s", quote(word))
	}
	s.add(token{kind: kind, start: start, end: s.at})
	s.shape = append(s.shape, sign)
	return anOperand, nil
}

// literalOf says what an unquoted word is. The RFC's true, false and null are lower
// case (RFC 8259 section 3); clients written in Python or C# send True (F-56).
func literalOf(word string, strict bool) (literalKind, bool) {
	switch {
	case word == "true", word == "false", !strict && (strings.EqualFold(word, "true") || strings.EqualFold(word, "false")):
		return booleanLiteral, true
	case word == "null":
		return nullLiteral, true
	case word[0] == '-' || '0' <= word[0] && word[0] <= '9':
		return numberLiteral, jsontext.Value(word).IsValid()
	}
	return 0, false
}

// quoted reads a string literal. What its escapes mean is decoded when it is bound.
func (s *scanner) quoted() *Error {
	start, escaped := s.at, false
	for i := start + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			s.add(token{kind: literalToken, literal: stringLiteral, escaped: escaped, start: start, end: s.at})
			s.shape = append(s.shape, ' ', '"')
			return nil
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return invalidFilter(i, "a control character in a string must be escaped")
		}
	}
	return invalidFilter(start, "the string that begins here has no closing quote")
}

// word reads up to a blank, a quote, a parenthesis or a bracket.
func (s *scanner) word() string {
	start := s.at
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '(', ')', '[', ']', '"':
			return s.text[start:s.at]
		}
		s.at++
	}
	return s.text[start:]
}

func (s *scanner) skipBlanks() bool {
	start := s.at
	for s.at < len(s.text) && isBlank(s.text[s.at]) {
		s.at++
	}
	return s.at > start
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (s *scanner) add(t token) { s.tokens = append(s.tokens, t) }

func (s *scanner) unexpected(expect expectation) *Error {
	rest := scanner{text: s.text, at: s.at}
	found := rest.word()
	if found == "" {
		found = s.text[s.at : s.at+1]
	}
	return invalidFilter(s.at, "expected %s, found %s", expect, quote(found))
}

// quote shows a piece of the text in an error, cut to a length that fits one.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + ", cut here"
}

// firstInvalid is the place of the first byte that is not UTF-8, or -1.
func firstInvalid(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}
