package softphone

import (
	"context"

	"github.com/emiago/sipgo/sip"
)

// sender begins client transactions in sipgo's place, to put two things right:
// a CANCEL goes where its INVITE went, not to the Request-URI's host (RFC 3261
// §9.1), and Contacts are completed.
type sender struct {
	layer  *sip.TransactionLayer
	server string
}

// Request implements sipgo.ClientTransactionRequester.
func (s *sender) Request(ctx context.Context, req *sip.Request) (sip.ClientTransaction, error) {
	if req.IsAck() { // of a 2xx: no transaction (RFC 3261 §13.2.2.4); no one looks at the result
		return nil, s.layer.Transport().WriteMsg(req)
	}
	if req.IsCancel() {
		req.SetDestination(s.server)
	}
	tx, err := s.layer.NewClientTransaction(ctx, req)
	if err != nil {
		return nil, err
	}
	complete(req.Contact(), tx.Connection().LocalAddr().String())
	if err := tx.Init(); err != nil {
		tx.Terminate()
		return nil, err
	}
	return tx, nil
}
