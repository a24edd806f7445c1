package proxy

// breadth is a Max-Breadth (RFC 5393 §5.3): the number of copies of a request that may
// exist at the same time, here and downstream.
type breadth int

// unsaid stands for a request without Max-Breadth. It counts as 60 (§5.3.3), and the
// copies get no Max-Breadth either.
const unsaid breadth = -1

func (b breadth) copies() int {
	if b == unsaid {
		return 60
	}
	return int(b)
}

// share returns the breadth of each of n copies.
func (b breadth) share(n int) breadth {
	if n < 2 {
		return b
	}
	return breadth(b.copies() / n)
}
