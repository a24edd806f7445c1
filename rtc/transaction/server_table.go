package transaction

// serverTable holds the live server transactions of a lane, by the hash of their keys.
// Each request looks, comes and goes here: the chains go through the transactions
// themselves, so that none of it takes more than a step or two. It grows with the most
// there ever were, as a map does.
type serverTable struct {
	heads []*serverTx // of the chains, a power of two
	size  int
}

const firstHeads = 4

// head is where the chain of a hash begins. There must be chains.
func (t *serverTable) head(hash uint64) **serverTx { return &t.heads[hash&uint64(len(t.heads)-1)] }

// find returns the transaction of a key, nil without one.
func (t *serverTable) find(hash uint64, key []byte) *serverTx {
	if t.size == 0 {
		return nil
	}
	for tx := *t.head(hash); tx != nil; tx = tx.chain {
		if tx.hash == hash && string(tx.keyBytes()) == string(key) {
			return tx
		}
	}
	return nil
}

func (t *serverTable) insert(tx *serverTx) {
	if t.size == len(t.heads) {
		t.grow()
	}
	t.link(tx)
	t.size++
}

func (t *serverTable) link(tx *serverTx) {
	head := t.head(tx.hash)
	tx.chain, *head = *head, tx
}

func (t *serverTable) grow() {
	old := t.heads
	t.heads = make([]*serverTx, max(firstHeads, 2*len(old)))
	for _, tx := range old {
		for tx != nil {
			next := tx.chain
			t.link(tx)
			tx = next
		}
	}
}

// remove reports whether the transaction was there.
func (t *serverTable) remove(tx *serverTx) bool {
	if t.size == 0 {
		return false
	}
	for at := t.head(tx.hash); *at != nil; at = &(*at).chain {
		if *at == tx {
			*at, tx.chain = tx.chain, nil
			t.size--
			return true
		}
	}
	return false
}
