package proxy

// breadth is a Max-Breadth (RFC 5393 §5.3): how many copies of a request there may
// be at a time, here and further on.
type breadth int

// unsaid stands for a request without Max-Breadth; it counts as 60 (§5.3.3) and
// leaves without.
const unsaid breadth = -1

func (b breadth) copies() int {
	if b == unsaid {
		return 60
	}
	return int(b)
}

// share is that of each of n copies.
func (b breadth) share(n int) breadth {
	if n < 2 {
		return b
	}
	return breadth(b.copies() / n)
}
