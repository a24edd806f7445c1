package directory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
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

// Import adds users from CSV, as spreadsheets and databases write it: with commas,
// semicolons, tabs or bars, with or without a byte order mark. A first line that names columns
// (see columns) says what they hold; without one they are user, display name,
// password, then any number of aliases. An empty password has one generated.
// Lines that begin with # are skipped. It adds all users or none; the error names
// every line that is wrong, the first 20 of them.
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

// column puts the text of one cell into a user.
type column struct {
	names string // in a header
	many  bool   // cells beyond the header belong to it, too
	set   func(add *AddUser, cell string)
}

var (
	userColumn     = &column{"user username login address aor", false, func(a *AddUser, s string) { a.AOR = rtc.AOR(strings.TrimSpace(s)) + a.AOR }}
	displayColumn  = &column{"display displayname name fullname", false, func(a *AddUser, s string) { a.DisplayName = strings.TrimSpace(s) }}
	passwordColumn = &column{"password secret", false, func(a *AddUser, s string) { a.Password = s }}
	aliasesColumn  = &column{"alias aliases", true, func(a *AddUser, s string) {
		for _, s := range several(s) {
			a.Aliases = append(a.Aliases, rtc.AOR(s))
		}
	}}
)

// columns are those a header line may name.
var columns = []*column{
	userColumn, displayColumn, passwordColumn, aliasesColumn,
	{"ha1 md5cred md5password", false, func(a *AddUser, s string) { a.Hashes.MD5 = strings.TrimSpace(s) }},
	{"ha1b", false, func(a *AddUser, s string) { a.Hashes.MD5Address = strings.TrimSpace(s) }},
	{"ha1sha256", false, func(a *AddUser, s string) { a.Hashes.SHA256 = strings.TrimSpace(s) }},
	{"domain realm", false, func(a *AddUser, s string) {
		if s = strings.TrimSpace(s); s != "" && !strings.Contains(string(a.AOR), "@") {
			a.AOR += rtc.AOR("@" + s)
		}
	}},
	{"mail email mailaddress emailaddress", false, func(a *AddUser, s string) { a.Mail = strings.TrimSpace(s) }},
	{"department dept", false, func(a *AddUser, s string) { a.Department = strings.TrimSpace(s) }},
	{"site location office", false, func(a *AddUser, s string) { a.Site = strings.TrimSpace(s) }},
	{"extension ext", false, func(a *AddUser, s string) { a.Extension = strings.TrimSpace(s) }},
	{"number numbers phone telephone telephonenumber phonenumber", true, func(a *AddUser, s string) { a.Numbers = append(a.Numbers, several(s)...) }},
	{"group groups", true, func(a *AddUser, s string) { a.Groups = append(a.Groups, several(s)...) }},
	{elsewhere, false, func(*AddUser, string) {}},
}

// elsewhere are columns of Kamailio's and OpenSIPS' table subscriber and of Asterisk's
// ps_auths that mean nothing here.
const elsewhere = "id rpid vmpin datetimecreated datetimemodified credpreferredauth ha1sha512t256 authtype noncelifetime " +
	"refreshtoken oauthclientid oauthsecret passworddigest supportedalgorithmsuac supportedalgorithmsuas"

// several splits a cell with more than one value in it.
func several(cell string) []string {
	var list []string
	for s := range strings.FieldsFuncSeq(cell, func(r rune) bool { return strings.ContainsRune("|;,", r) }) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// columnOf finds a column by the name in a header: letter case, spaces, '_' and
// '-' do not count. nil is none.
func columnOf(name string) *column {
	name = strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))
	for _, c := range columns {
		if slices.Contains(strings.Fields(c.names), name) {
			return c
		}
	}
	return nil
}

// plain are the columns of a file without a header.
var plain = []*column{userColumn, displayColumn, passwordColumn, aliasesColumn}

// header reads a first line as names of columns; nil when it is a user. It is a
// header when it names two columns at least, or is the name of the user column; then
// a name that is none is an error.
func header(record []string) ([]*column, error) {
	var list []*column
	known, strange := 0, ""
	for _, cell := range record {
		c := columnOf(cell)
		list = append(list, c)
		if c != nil {
			known++
		} else if strange == "" {
			strange = cell
		}
	}
	named := slices.Contains(list, userColumn)
	switch {
	case known < 2 && !(named && len(list) == 1):
		return nil, nil
	case strange != "" || known < len(list):
		return nil, fmt.Errorf("column %q: %w: the columns are user, domain, display, password, ha1, ha1b, ha1_sha256, mail, department, site, extension, numbers, groups and aliases", strange, ErrInvalid)
	case !named: // then "name" is what others call the user
		i := slices.IndexFunc(record, func(cell string) bool { return strings.EqualFold(strings.TrimSpace(cell), "name") })
		if i < 0 {
			return nil, fmt.Errorf("header: %w: a column named \"user\" is missing", ErrInvalid)
		}
		list[i] = userColumn
	}
	return list, nil
}

// importReader finds out what separates the cells.
func importReader(r io.Reader) *csv.Reader {
	buffered := bufio.NewReaderSize(r, 4096)
	if start, _ := buffered.Peek(3); string(start) == "\ufeff" {
		_, _ = buffered.Discard(3)
	}
	lines := csv.NewReader(buffered)
	lines.FieldsPerRecord, lines.Comment = -1, '#'
	lines.ReuseRecord = true
	start, _ := buffered.Peek(4096)
	for len(start) > 0 {
		var line []byte
		line, start, _ = bytes.Cut(start, []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		most := bytes.Count(line, []byte(","))
		for _, c := range ";\t" {
			if n := bytes.Count(line, []byte(string(c))); n > most {
				lines.Comma, most = c, n
			}
		}
		if most == 0 && bytes.ContainsRune(line, '|') { // beside others a bar is part of a cell
			lines.Comma = '|'
		}
		break
	}
	lines.TrimLeadingSpace = lines.Comma != '\t' // else an empty cell is trimmed away
	return lines
}

func (d *Directory) readImport(r io.Reader) ([]*Account, []Imported, error) {
	var accounts []*Account
	var made []Imported
	var faults []error
	lines := importReader(r)
	taken := make(map[string]int) // address to line
	named := plain
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
		if first {
			list, err := header(record)
			if err != nil {
				return nil, nil, fmt.Errorf("line %d: %w", line, err)
			}
			if list != nil {
				named = list
				continue
			}
		}
		if len(accounts) == maxImport {
			return nil, nil, fmt.Errorf("line %d: %w users: split the file, at most %d go at once", line, ErrTooMany, maxImport)
		}
		account, password, err := d.importLine(record, named, line, taken)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		accounts = append(accounts, account)
		made = append(made, Imported{account.AOR, password})
	}
	return accounts, made, errors.Join(faults...)
}

// importLine makes an account of a line.
func (d *Directory) importLine(record []string, columns []*column, line int, taken map[string]int) (*Account, string, error) {
	if !utf8.ValidString(strings.Join(record, "")) {
		return nil, "", fmt.Errorf("text: %w: save the file as UTF-8", ErrInvalid)
	}
	var add AddUser
	for i, cell := range record {
		if cell == "NULL" || cell == `\N` { // as databases write that there is nothing
			cell = ""
		}
		c := columns[min(i, len(columns)-1)]
		if i >= len(columns) && !c.many && strings.TrimSpace(cell) != "" {
			return nil, "", fmt.Errorf("cell %q: %w: the header has %d columns only", cell, ErrInvalid, len(columns))
		}
		if i < len(columns) || c.many {
			c.set(&add, cell)
		}
	}
	var err error
	if add.AOR, err = d.ParseAOR(string(add.AOR)); err != nil {
		return nil, "", err
	}
	account, password, err := d.prepare(add)
	if err != nil {
		return nil, "", err
	}
	if add.Password != "" {
		password = "" // whoever wrote the file knows it
	}
	for _, key := range append([]string{string(account.AOR)}, account.further()...) {
		if before, ok := taken[key]; ok && before != line {
			return nil, "", fmt.Errorf("address %s: %w by line %d", key, ErrExists, before)
		}
		taken[key] = line
	}
	return account, password, nil
}
