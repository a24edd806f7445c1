package event

import (
	"bytes"
	"math"
	"strconv"

	"tandem/rtc/sip"
)

// condition is the document a subscriber has already, as its mark: while that is the
// one to be shown he is told nothing but of his subscription, and that without a body
// (RFC 5839 §6.2, §6.3). 0: he has none; asleep: he wants none, whatever it is.
type condition uint64

const asleep condition = math.MaxUint64

// conditionOf reads Suppress-If-Match.
func conditionOf(m *sip.Message) condition {
	v := bytes.TrimSpace(m.GetName("Suppress-If-Match"))
	switch string(v) {
	case "": // nearly always
		return 0
	case "*":
		return asleep
	}
	mark, err := strconv.ParseUint(string(v), 36, 64)
	if err != nil || etag(mark) != string(v) { // tags are compared octet by octet
		return 0
	}
	return condition(mark)
}

// holds reports whether the document of a mark is not to be shown.
func (c condition) holds(mark uint64) bool { return c == asleep || c != 0 && c == condition(mark) }

// etag is the entity tag of a document's mark.
func etag(mark uint64) string { return strconv.FormatUint(mark, 36) }

// matches reports whether the subscriber has the document already, and notes what he
// said he has.
func (n *Notifier) matches(sub *subscription, has condition) bool {
	if sub.list != nil {
		return false
	}
	same := false
	var mark uint64
	if has != 0 {
		mark = n.render(sub.topic, sub.view, sub.kind).mark
		same = has.holds(mark)
	}
	sub.topic.shard.mu.Lock()
	defer sub.topic.shard.mu.Unlock()
	if sub.has = has; same {
		sub.shown, sub.whole = mark, true
	}
	return same
}
