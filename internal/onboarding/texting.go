package onboarding

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Whoever can make us text can spend our money. So every text message is paid for before it is sent, out of counters that are
// written on a condition: where one cannot be written, nothing is sent. In their order: whether the operator has turned texts
// on, and for that region; the organization's day and month; the month of the whole deployment, with its kill switch; the
// numbers beside it, for those who make money of texts order numbers by the block; and the number itself.

const (
	textPause       = time.Minute // between two texts to one number
	textWindow      = day
	textsPerNumber  = 3 // in the window
	prefixWindow    = time.Hour
	textsPerPrefix  = 50 // to numbers that differ in their last four digits
	prefixRest      = 4
	optOutRemembers = 30 * day // AWS lets a number be opted in again once in so long
	textWorkers     = 16
	reserveRounds   = 3

	overBudget    = "budget" // the rule
	overTextLimit = "the organization's limit on text messages is reached"
	overAllTexts  = "no more text messages are sent from here this month"
)

// TextUse says for what a text is counted. Strangers with a link cause codes; they do not use up the invitations of a day.
type TextUse string

const (
	TextInvitation TextUse = "invitations"
	TextCode       TextUse = "codes"  // to join with; of the month's money, half
	TextWord       TextUse = "others" // to members and applicants
)

// use is for what a text of a kind is counted.
func (k MessageKind) use() TextUse {
	switch k {
	case MessageInvitation:
		return TextInvitation
	case MessageJoinCode, MessageContactCode:
		return TextCode
	}
	return TextWord
}

// NumberID names a number without showing it. It is the same in every organization.
type NumberID [16]byte

func newNumberID(a Address) NumberID {
	sum := sha256.Sum256([]byte("latchkey number 1\x00" + a.Value))
	return NumberID(sum[:16])
}

func (id NumberID) String() string { return base32Lower.EncodeToString(id[:]) }

// NumberState is what is known of a number. Its zero value is a number that was never texted.
type NumberState struct {
	Latest        [textsPerNumber]time.Time // when it was texted, newest first
	OptedOutUntil time.Time                 // until when its owner's refusal is taken for granted
	Message       string                    // the name under which it was last counted
}

// refusal is nil where the number can be texted.
func (n NumberState) refusal(now time.Time) error {
	switch {
	case now.Before(n.OptedOutUntil):
		return &TextRefusal{Rule: "opted_out", Text: "the owner of this number has asked for no text messages"}
	case now.Before(n.Latest[0].Add(textPause)):
		return &TextRefusal{"number_limit", "this number was texted within the last minute", n.Latest[0].Add(textPause).Sub(now)}
	case now.Before(n.Latest[textsPerNumber-1].Add(textWindow)):
		return &TextRefusal{"number_limit", "this number was texted three times within a day", n.Latest[textsPerNumber-1].Add(textWindow).Sub(now)}
	}
	return nil
}

// TextStore is what guarding the money asks of the table. What cannot be counted is not sent.
type TextStore interface {
	// ReserveTexts takes as many of the costs, in their order, as the organization's day and month have room for, and answers
	// how many that are.
	ReserveTexts(ctx context.Context, org OrganizationID, at time.Time, use TextUse, costs []Money, limits TextLimits) (int, error)
	// ReturnTexts gives back what was not used, at most once: less is sent then, not more.
	ReturnTexts(ctx context.Context, org OrganizationID, at time.Time, use TextUse, costs []Money) error
	// SpendOnTexts takes as many of the costs, in their order, as the deployment's month has room for, and answers how many
	// that are; ErrTextsStopped if the operator has stopped them all.
	SpendOnTexts(ctx context.Context, at time.Time, costs []Money, budget Money) (int, error)
	// UnspendOnTexts gives back what was not used, at most once.
	UnspendOnTexts(ctx context.Context, at time.Time, costs []Money) error
	// CountPrefix takes up to want of a counter that ends at until, and answers how many it got.
	CountPrefix(ctx context.Context, prefix string, until time.Time, want, limit int) (int, error)
	// CountNumber takes down that a number is texted, under the name of the message, if it has not been since pause, not three
	// times since window, and its owner has not opted out; else it answers the number's state and ErrLimit.
	CountNumber(ctx context.Context, id NumberID, message string, at, pause, window time.Time) (NumberState, error)
	// OptOut remembers until a time that a number takes no texts.
	OptOut(ctx context.Context, id NumberID, at, until time.Time) error
	// TextsStopped reports whether the operator has stopped all texts.
	TextsStopped(ctx context.Context) (bool, error)
	// ReadTexts answers what is used: of an organization's day and month, and of the deployment's month.
	ReadTexts(ctx context.Context, org OrganizationID, at time.Time, use TextUse) (TextUsage, error)
	// ReadNumbers answers the state of those numbers that were ever texted.
	ReadNumbers(ctx context.Context, ids []NumberID) (map[NumberID]NumberState, error)
}

// ErrTextsStopped is what a store answers where the operator has stopped all texts.
var ErrTextsStopped = errors.New("texts are stopped")

// TextUsage is what is used of the limits.
type TextUsage struct {
	Today   int   // texts of the organization
	Spent   Money // by the organization this month
	All     Money // by all organizations this month
	Stopped bool
}

// TextRefusal says why a number is not texted. RetryAfter is zero where waiting does not help.
type TextRefusal struct {
	Rule       string
	Text       string
	RetryAfter time.Duration
}

func (r *TextRefusal) Error() string { return r.Text }

// verdict is the refusal as what became of a recipient.
func (r *TextRefusal) verdict() InviteVerdict {
	switch r.Rule {
	case "opted_out":
		return OptedOut
	case "texts_off", "country_not_allowed":
		return Denied
	}
	return OverLimit
}

// asError is the refusal as whoever wants a text from outside gets it, at a field of theirs.
func (r *TextRefusal) asError(pointer string) error {
	if r.RetryAfter > 0 {
		return &Error{Code: TooManyAttempts, Message: "Too many text messages. Wait a little, or use an email address.", RetryAfter: r.RetryAfter}
	}
	return InvalidValue(pointer, flaw{r.Rule, r.Text})
}

// toInviter is the refusal as somebody gets it who would send one text.
func (r *TextRefusal) toInviter() error {
	code := LimitReached
	if r.RetryAfter == 0 {
		code = Conflict
	}
	return &Error{Code: code, Message: sentence(r), RetryAfter: r.RetryAfter}
}

var errTextsOff = &TextRefusal{Rule: "texts_off", Text: "text messages are switched off here"}

// Texts is the guard of the money: whatever texts asks it before.
type Texts struct {
	World   World
	Store   TextStore
	Texting Texting
	Numbers Numbers
}

// Available reports whether an organization texts anybody.
func (g Texts) Available(o Organization) bool {
	return g.Texting.On && o.Settings.TextsPerDay > 0 && o.Settings.TextBudget > 0 && len(o.Settings.TextedCountries()) > 0
}

// text is one message to a number.
type text struct {
	to   Address
	kind MessageKind
	id   string // the same for a repeated request: what it has counted before is recognised

	counted bool // by its number, before
}

// cost is what a text costs at most, or why the operator does not want it, whatever was sent before.
func (g Texts) cost(o Organization, t text) (Money, error) {
	if !g.Available(o) {
		return 0, errTextsOff
	}
	number, err := g.Numbers.Phone(t.to.Value, "")
	if err != nil || !number.Use.Texts() {
		return 0, &TextRefusal{Rule: "country_not_allowed", Text: "this number cannot be texted"}
	}
	price, priced := g.Texting.price(number.Region, t.kind)
	if !priced || !slices.Contains(o.Settings.TextedCountries(), number.Region) {
		return 0, &TextRefusal{Rule: "country_not_allowed", Text: strings.TrimSuffix("text messages are not sent to the country of this number ("+number.Region+")", " ()")}
	}
	return price, nil
}

// reserve pays for the texts, as far as all limits let it, and answers why each of the others is not to be sent. Its error
// means that nobody knows: then none is to be sent. What was counted until then stays counted.
func (g Texts) reserve(ctx context.Context, o Organization, use TextUse, at time.Time, texts []text) (refused []error, err error) {
	r := reservation{Texts: g, org: o, use: use, at: at, texts: texts,
		refused: make([]error, len(texts)), costs: make([]Money, len(texts)), paid: make([]bool, len(texts))}
	for i, t := range texts {
		r.costs[i], r.refused[i] = g.cost(o, t)
	}
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	for range reserveRounds {
		for _, step := range []func(context.Context) error{r.budgets, r.prefixes, r.numbers} {
			if err := step(ctx); err != nil {
				return nil, err
			}
		}
		if !r.handOn() {
			break
		}
	}
	for i, err := range r.refused {
		if err == nil && !r.paid[i] {
			r.refused[i] = &TextRefusal{overBudget, overTextLimit, toTomorrow(r.at)}
		}
	}
	return r.refused, nil
}

// textID names the text that goes with one write, so that a request which is repeated does not count its number twice, and one
// that writes something else does.
func textID(request string, version int64) string {
	return request + "#" + strconv.FormatInt(version, 10)
}

// reserveOne is reserve for one text.
func (g Texts) reserveOne(ctx context.Context, o Organization, use TextUse, at time.Time, t text) error {
	refused, err := g.reserve(ctx, o, use, at, []text{t})
	if err != nil {
		return err
	}
	return refused[0]
}

// giveBack returns money that was reserved for texts that are not sent after all. What the numbers have counted they keep.
func (g Texts) giveBack(ctx context.Context, org OrganizationID, at time.Time, use TextUse, costs []Money) {
	if len(costs) > 0 {
		// What cannot be given back stays counted: less is sent then, not more.
		_ = g.Store.ReturnTexts(ctx, org, at, use, costs)
		_ = g.Store.UnspendOnTexts(ctx, at, costs)
	}
}

// reservation is a reserve under way. refused and paid have a place for each text: one that is neither is still open.
type reservation struct {
	Texts
	org     Organization
	use     TextUse
	at      time.Time
	texts   []text
	costs   []Money
	refused []error
	paid    []bool
	freed   bool // whether money came back in this round
}

// open are the places of those that are open, and what they cost.
func (r *reservation) open() (places []int, costs []Money) {
	for i, err := range r.refused {
		if err == nil && !r.paid[i] {
			places, costs = append(places, i), append(costs, r.costs[i])
		}
	}
	return places, costs
}

// handOn ends a round: those who got through are paid for, and the money that came back is for those it had not been enough for.
// It reports whether there are any.
func (r *reservation) handOn() (more bool) {
	for i, err := range r.refused {
		var refusal *TextRefusal
		switch {
		case err == nil:
			r.paid[i] = true
		case r.freed && errors.As(err, &refusal) && refusal.Rule == overBudget:
			r.refused[i], more = nil, true
		}
	}
	r.freed = false
	return more
}

func (r *reservation) refuse(places []int, why error) {
	for _, i := range places {
		r.refused[i] = why
	}
}

// look refuses what the numbers' own counts would: it uses up no money, and nothing of a block, to find that out. They are asked
// again in the end.
func (r *reservation) look(ctx context.Context) error {
	places, _ := r.open()
	var ids []NumberID
	for _, i := range places {
		if !r.texts[i].counted {
			ids = append(ids, newNumberID(r.texts[i].to))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	states, err := r.Store.ReadNumbers(ctx, ids)
	if err != nil {
		return err
	}
	for _, i := range places {
		if t := r.texts[i]; !t.counted {
			state := states[newNumberID(t.to)]
			if why := state.refusal(r.at); why != nil && state.Message != t.id {
				r.refused[i] = why
			}
		}
	}
	return nil
}

// budgets takes the money out of the organization's day and month, and out of the deployment's month.
func (r *reservation) budgets(ctx context.Context) error {
	places, costs := r.open()
	if len(places) == 0 {
		return nil
	}
	n, err := r.Store.ReserveTexts(ctx, r.org.ID, r.at, r.use, costs, r.org.Settings.textLimits(r.use))
	if err != nil {
		return err
	}
	r.refuse(places[n:], &TextRefusal{overBudget, overTextLimit, toTomorrow(r.at)})
	if n == 0 {
		return nil
	}
	m, err := r.Store.SpendOnTexts(ctx, r.at, costs[:n], r.Texting.Budget)
	if errors.Is(err, ErrTextsStopped) {
		err = nil
		r.refuse(places[m:n], errTextsOff)
	} else {
		r.refuse(places[m:n], &TextRefusal{overBudget, overAllTexts, toTomorrow(r.at)})
	}
	if m < n {
		_ = r.Store.ReturnTexts(ctx, r.org.ID, r.at, r.use, costs[m:n])
	}
	return err
}

// countNumber counts a text to a number that nobody pays for yet. It is done for every number that somebody asks with, so that a
// count tells nobody whose number it is. It reports whether there is room.
func (g Texts) countNumber(ctx context.Context, a Address, id string, at time.Time) (bool, error) {
	_, err := g.Store.CountNumber(ctx, newNumberID(a), id, at, at.Add(-textPause), at.Add(-textWindow))
	if errors.Is(err, ErrLimit) {
		return false, nil
	}
	return err == nil, err
}

func toTomorrow(at time.Time) time.Duration { return at.Truncate(day).Add(day).Sub(at) }

// prefixes counts the texts to each block of numbers.
func (r *reservation) prefixes(ctx context.Context) error {
	blocks, order := map[string][]int{}, []string{}
	places, _ := r.open()
	for _, i := range places {
		number := r.texts[i].to.Value
		prefix := number[1 : len(number)-prefixRest]
		if blocks[prefix] == nil {
			order = append(order, prefix)
		}
		blocks[prefix] = append(blocks[prefix], i)
	}
	until := r.at.Truncate(prefixWindow).Add(prefixWindow)
	refusal := &TextRefusal{"prefix_limit", "too many numbers that begin like this one were texted within an hour", until.Sub(r.at)}
	return r.each(ctx, len(order), func(ctx context.Context, k int) error {
		block := blocks[order[k]]
		n, err := r.Store.CountPrefix(ctx, order[k], until, len(block), textsPerPrefix)
		r.refuse(block[n:], refusal)
		return err
	})
}

// numbers counts the text to each number.
func (r *reservation) numbers(ctx context.Context) error {
	places, _ := r.open()
	return r.each(ctx, len(places), func(ctx context.Context, k int) error {
		t := r.texts[places[k]]
		if t.counted {
			return nil
		}
		state, err := r.Store.CountNumber(ctx, newNumberID(t.to), t.id, r.at, r.at.Add(-textPause), r.at.Add(-textWindow))
		if errors.Is(err, ErrLimit) {
			r.refused[places[k]], err = state.refusal(r.at), nil
			if r.refused[places[k]] == nil { // somebody was faster, by less than a moment
				r.refused[places[k]] = &TextRefusal{"number_limit", "this number was texted within the last minute", textPause}
			}
		}
		return err
	})
}

// each does something for each of n, several at once, and gives back the money of those that it refuses.
func (r *reservation) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	before, _ := r.open()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(textWorkers)
	for i := range n {
		group.Go(func() error { return do(groupCtx, i) })
	}
	err := group.Wait()
	var unused []Money
	for _, i := range before {
		if r.refused[i] != nil {
			unused = append(unused, r.costs[i])
		}
	}
	r.freed = r.freed || len(unused) > 0
	r.giveBack(ctx, r.org.ID, r.at, r.use, unused)
	return err
}
