package filter

import (
	"strings"
	"testing"
)

func benchmarkParse(b *testing.B, text string, opts Options) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, users, opts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"userName", `userName eq "ann@example.com"`},
		{"two_terms", `id eq "2819c223-7f76-453a-919d-413861904646" and groups eq "x"`},
		{"brackets", `emails[type eq "work"].value eq "ann@example.com"`},
	} {
		b.Run("cached/"+c.name, func(b *testing.B) { benchmarkParse(b, c.text, Options{Cache: NewCache(10)}) })
		b.Run("cold/"+c.name, func(b *testing.B) { benchmarkParse(b, c.text, Options{}) })
	}
}

func BenchmarkParsePath(b *testing.B) {
	opts := Options{Cache: NewCache(10)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePath(`members[value eq "2819c223-7f76-453a-919d-413861904646"]`, groups, opts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	docs := people()
	for _, text := range []string{
		`userName eq "Ann"`,
		`title co "GINE"`,
		`emails[type eq "home" and value ew "home.test"]`,
		`meta.lastModified gt "2026-01-01T10:00:01Z"`,
	} {
		f, err := Parse(text, users, lenient)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Match(docs[0])
			}
		})
	}
}

// BenchmarkDearest is the most expensive text that the default limits let through.
func BenchmarkDearest(b *testing.B) {
	benchmarkParse(b, strings.Repeat(`not (id pr) or `, DefaultMaxTerms-1)+`id pr`, Options{})
}
