package interop

import (
	"context"
	"os"

	"tandem/interop/phones"
	"tandem/interop/process"
	"tandem/interop/story"
	"tandem/interop/suite"
)

// programs are the telephones of others that can play: programs where they are
// installed, and the library diago, which is part of this one. They are played over
// UDP from this machine's loopback.
func programs() []suite.Player {
	list := []suite.Player{{Name: "diago", Title: "An endpoint on the libraries sipgo and diago", Start: startDiago}}
	for _, p := range []struct{ name, title string }{{"baresip", "baresip"}, {"linphonec", "Linphone's linphonec"}} {
		player := suite.Player{Name: p.name, Title: p.title, Start: func(ctx context.Context, s suite.Seat) (story.Party, func(), error) {
			return startProgram(ctx, p.name, s)
		}}
		if _, err := process.Find(p.name); err != nil {
			player.Missing = p.name + " is not installed on this machine"
		}
		list = append(list, player)
	}
	return list
}

func account(s suite.Seat) phones.Account {
	return phones.Account{User: s.User, Password: s.Password, Domain: s.Domain, Port: int(s.Server.Port()), Proto: phones.UDP}
}

func startDiago(ctx context.Context, s suite.Seat) (story.Party, func(), error) {
	d, err := phones.StartDiago(ctx, account(s), s.Tone)
	if err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Close() }, nil
}

func startProgram(ctx context.Context, name string, s suite.Seat) (story.Party, func(), error) {
	dir, err := os.MkdirTemp("", "peer") // short: baresip cuts names of devices
	if err != nil {
		return nil, nil, err
	}
	p, err := phones.StartParty(ctx, name, dir, account(s), s.Tone)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return p, func() { _ = p.Close(); _ = os.RemoveAll(dir) }, nil
}
