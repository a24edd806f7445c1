package directory

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tandem/rtc"
)

// maxImport bounds the users of one import, which is one transaction that others
// wait for; maxImportErrors bounds how many wrong lines are told.
const (
	maxImport       = 20_000
	maxImportErrors = 20
)

// Imported is one user that an import made.
type Imported struct {
	AOR      rtc.AOR
	Password string // generated; "" when the file gave one
}

// Import adds users from CSV: user, display name, password, then any number of
// aliases; an empty password has one generated. A first line that begins with
// "user" and lines that begin with # are skipped. It adds all users or none;
// the error names every line that is wrong, the first 20 of them.
func (d *Directory) Import(ctx context.Context, r io.Reader) ([]Imported, error) {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	accounts, made, err := d.readImport(r)
	if err != nil {
		return nil, fmt.Errorf("importing users, none was added: %w", err)
	}
	if err := d.keep(ctx, accounts...); err != nil {
		return nil, fmt.Errorf("importing users, none was added: %w", err)
	}
	d.log.Info("users imported", "count", len(accounts))
	return made, nil
}

func (d *Directory) readImport(r io.Reader) ([]*Account, []Imported, error) {
	var accounts []*Account
	var made []Imported
	var faults []error
	lines := csv.NewReader(r)
	lines.FieldsPerRecord, lines.TrimLeadingSpace, lines.Comment = -1, true, '#'
	lines.ReuseRecord = true
	taken := make(map[string]int) // address to line
	for first := true; len(faults) < maxImportErrors; first = false {
		record, err := lines.Read()
		if err == io.EOF {
			break
		}
		if err != nil { // names the line; what follows cannot be told apart
			faults = append(faults, err)
			break
		}
		line, _ := lines.FieldPos(0)
		if first && strings.EqualFold(strings.TrimPrefix(record[0], "\ufeff"), "user") {
			continue
		}
		if len(accounts) == maxImport {
			return nil, nil, fmt.Errorf("line %d: %w users: split the file, at most %d go at once", line, ErrTooMany, maxImport)
		}
		account, password, err := d.importLine(record, line, taken)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		accounts = append(accounts, account)
		made = append(made, Imported{account.AOR, password})
	}
	return accounts, made, errors.Join(faults...)
}

func (d *Directory) importLine(record []string, line int, taken map[string]int) (*Account, string, error) {
	for len(record) < 3 {
		record = append(record, "")
	}
	if !utf8.ValidString(strings.Join(record, "")) {
		return nil, "", fmt.Errorf("text: %w: save the file as UTF-8", ErrInvalid)
	}
	aor, err := d.ParseAOR(strings.TrimSpace(record[0]))
	if err != nil {
		return nil, "", err
	}
	add := AddUser{AOR: aor, DisplayName: strings.TrimSpace(record[1]), Password: record[2]}
	for _, alias := range record[3:] {
		if alias = strings.TrimSpace(alias); alias != "" {
			add.Aliases = append(add.Aliases, rtc.AOR(alias))
		}
	}
	account, password, err := d.prepare(add)
	if err != nil {
		return nil, "", err
	}
	if add.Password != "" {
		password = "" // whoever wrote the file knows it
	}
	for _, key := range keys(account) {
		if before, ok := taken[key]; ok && before != line {
			return nil, "", fmt.Errorf("address %s: %w by line %d", key, ErrExists, before)
		}
		taken[key] = line
	}
	return account, password, nil
}
