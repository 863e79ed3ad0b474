// Package transfer copies a store to another one, of the same engine or of another, and compares the two: row by row
// as they are, numbers included, because positions, cursors and rows of other tables refer to them.
//
// A copy that ends half way is no store: the first thing written to the target is a mark (relational.CopyingMark) for
// which every engine refuses to open it, and the mark goes last, after the comparison. Whoever dies in between leaves a
// target that is refused, or that is still empty. The next copy to it begins again.
//
// Nobody else may write to either meanwhile, which is the caller's to see to. What is written to the source after its
// snapshot was taken is found by the comparison, which has a later one.
package transfer
