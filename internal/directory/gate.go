package directory

import "github.com/scimbridge/scimbridge/internal/store"

// gate says why a call that is due must not be sent now, though nothing is wrong with it:
// "" lets it go. It is asked in the transaction in which the call was computed, after
// plan and before anything is recorded about it. What it holds stays pending, shows the
// reason, and is looked at again after parkedFor, or as soon as whoever lifts the reason makes it due.
func (d *Directory) gate(tx store.Tx, a *account, st step) (reason string, err error) {
	for _, check := range []func(store.Tx, *account, step) (string, error){d.harm, d.mayBeDeleted, d.inTurn, d.givesAfterRestore, d.heldRebuilt, d.heldRebound} {
		if reason, err = check(tx, a, st); reason != "" || err != nil {
			return reason, err
		}
	}
	return "", nil
}
