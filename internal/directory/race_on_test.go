//go:build race

package directory

// raced: the race detector watches. The random histories then compare what is at rest,
// and do not look at every call: their model is read by the simulator's goroutine while
// the test's writes it, which virtual time orders and the detector cannot know.
const raced = true
