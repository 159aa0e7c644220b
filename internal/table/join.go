package table

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/onboarding"
)

// CreateJoin writes a join. Its key is random: one that is there already is this very one, and its mail may be sent by now.
func (t *Table) CreateJoin(ctx context.Context, org onboarding.OrganizationID, j onboarding.Join) error {
	item, err := encode(newJoinItem(org, j))
	if err != nil {
		return err
	}
	_, err = patiently(ctx, func() (*dynamodb.PutItemOutput, error) {
		return t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: item, ConditionExpression: aws.String("attribute_not_exists(PK)")})
	})
	if there := (*types.ConditionalCheckFailedException)(nil); err != nil && !errors.As(err, &there) {
		return fault("put join", err)
	}
	return nil
}

// ReadJoin reads an organization and one of its joins in one batch.
func (t *Table) ReadJoin(ctx context.Context, org onboarding.OrganizationID, id onboarding.JoinID) (onboarding.Organization, onboarding.Join, error) {
	ok, jk := organizationKey(org), joinKey(org, id)
	found, err := t.batchGet(ctx, ok, jk)
	if err != nil {
		return onboarding.Organization{}, onboarding.Join{}, err
	}
	if len(found) < 2 {
		return onboarding.Organization{}, onboarding.Join{}, onboarding.ErrNotFound
	}
	o, err := readOrganization(found[ok])
	if err != nil {
		return o, onboarding.Join{}, err
	}
	j, err := readJoin(found[jk])
	return o, j, err
}

func readJoin(item attributes) (onboarding.Join, error) {
	var i joinItem
	if err := decode(item, &i); err != nil {
		return onboarding.Join{}, err
	}
	return i.join()
}

// ReplaceCode owes another mail, with the same code or a new one. What was tried of the same code stays counted, however
// many try it at this moment.
func (t *Table) ReplaceCode(ctx context.Context, org onboarding.OrganizationID, j, seen onboarding.Join) error {
	i := newJoinItem(org, j)
	write := change{
		key: key{i.PK, i.SK},
		set: "SET #key_number = :key, #round = :round, #code_at = :code_at, #code_ends = :ends, #sent_at = :sent_at, #sent = :sent, " +
			"#version = :version",
		condition: "#version = :seen AND attribute_not_exists(#member_id)",
		vals: map[string]any{":key": i.KeyNumber, ":round": i.Round, ":code_at": i.CodeAt, ":ends": i.CodeEnds, ":sent_at": i.SentAt,
			":sent": i.Sent, ":version": i.Version, ":seen": seen.Version},
	}
	if j.Round != seen.Round {
		write.set += ", #tries = :none"
		write.vals[":none"] = 0
	}
	i.outboxItem.into(&write)
	there, err := t.update(ctx, write, onboarding.ErrConflict, types.ReturnValueNone)
	if !errors.Is(err, onboarding.ErrConflict) {
		return err
	}
	var now joinItem
	if e := decode(there, &now); e != nil {
		return e
	}
	if now.Version == i.Version && now.SentAt == i.SentAt {
		return nil // written; the answer was lost
	}
	return err
}

// CountTry counts a try before anybody looks at what was typed. One whose answer was lost counts twice: less can be tried
// then, not more.
func (t *Table) CountTry(ctx context.Context, org onboarding.OrganizationID, j onboarding.Join, limit int, now time.Time) error {
	_, err := t.update(ctx, change{
		key:       joinKey(org, j.ID),
		set:       "SET #tries = #tries + :one",
		condition: "#round = :round AND #tries < :limit AND #code_ends > :now AND attribute_not_exists(#member_id)",
		vals:      map[string]any{":one": 1, ":round": j.Round, ":limit": limit, ":now": timeText(now)},
	}, onboarding.ErrLimit, types.ReturnValueNone)
	return err
}

// ReadClaim reads organization, address and link in one batch.
func (t *Table) ReadClaim(ctx context.Context, org onboarding.OrganizationID, id onboarding.ContactID, link onboarding.LinkID) (
	o onboarding.Organization, c onboarding.Contact, l onboarding.InviteLink, err error) {
	ok, ck, lk := organizationKey(org), contactKey(org, id), linkKey(org, link)
	found, err := t.batchGet(ctx, ok, ck, lk)
	if err != nil {
		return o, c, l, err
	}
	if o, l, err = readLink(found[ok], found[lk], link); err != nil {
		return o, c, l, err
	}
	if item, known := found[ck]; known {
		c, err = readContact(item)
	}
	return o, c, l, err
}

// Admit makes a member of a verified join: join, contact, link, owner, member, session, and a notice for the administrators
// where the member waits. The order is that in which a refusal counts.
func (t *Table) Admit(ctx context.Context, a onboarding.Admission) error {
	steps := []func() (step, error){
		func() (step, error) { return t.joinStep(a.Organization, a.Join, a.Member.ID, a.At) },
		func() (step, error) { return t.claimStep(a) },
		func() (step, error) { return t.useStep(a) },
	}
	if !a.Owner.Itself {
		steps = append(steps, func() (step, error) { return t.actorStep(a.Organization, a.Owner, a.OwnerSeen) })
	}
	return t.enter(ctx, a.Member, a.Credentials, a.Session, a.Notice, a.Seats, nil, steps...)
}

// enter writes a new member with a session behind what has to hold, puts them where they are to stand, and writes a notice if
// they wait. replaced is who goes with that.
func (t *Table) enter(ctx context.Context, m onboarding.Member, c onboarding.Credentials, s onboarding.Session, notice onboarding.Message,
	seats int, replaced []pair, before ...func() (step, error)) error {
	beside, err := t.memberSteps(seats, append(replaced, pair{after: m})...)
	if err != nil {
		return err
	}
	all := append(before,
		func() (step, error) { return t.putNew(newMemberItem(m, c, nil), onboarding.ErrConflict) },
		func() (step, error) { return t.putNew(newSessionItem(m.Organization, s), onboarding.ErrConflict) },
	)
	if m.Status == onboarding.MemberPendingApproval {
		all = append(all, func() (step, error) { return t.noticeStep(m.Organization, notice) })
	}
	for _, one := range beside {
		all = append(all, func() (step, error) { return one, nil })
	}
	return t.transactAll(ctx, all...)
}

// joinStep uses a join up. What it held of a password goes to the member.
func (t *Table) joinStep(org onboarding.OrganizationID, j onboarding.Join, m onboarding.MemberID, at time.Time) (step, error) {
	write := change{
		key:       joinKey(org, j.ID),
		set:       "SET #member_id = :member, #version = #version + :one",
		condition: "#expires_at > :at AND attribute_not_exists(#member_id)",
		vals:      map[string]any{":member": memberText(m), ":one": 1, ":at": timeText(at)},
	}
	outboxItem{}.into(&write)
	write.set += ", #password_hash"
	return t.updateStep(write, onboarding.ErrJoinUsed)
}

// claimStep gives the address to the member, who has shown that it is theirs.
func (t *Table) claimStep(a onboarding.Admission) (step, error) {
	return t.takeStep(a.Organization, a.Contact, a.Member.ID, a.At, true)
}

// takeStep gives an address to a member. An invitation that still waited for it has been answered with that.
func (t *Table) takeStep(org onboarding.OrganizationID, c onboarding.Contact, m onboarding.MemberID, now time.Time, proven bool) (step, error) {
	if c.Version == 0 {
		if c.Member, c.Version = m, 1; proven {
			c.VerifiedAt = now
		}
		return t.putNew(newContactItem(org, c), onboarding.ErrConflict)
	}
	write := change{
		key:       contactKey(org, c.ID),
		set:       "SET #member_id = :member, #version = #version + :one",
		condition: "#version = :seen AND attribute_not_exists(#member_id)",
		vals:      map[string]any{":member": memberText(m), ":one": 1, ":seen": c.Version},
	}
	if proven {
		write.set += ", #verified_at = :at"
		write.vals[":at"] = timeText(now)
	}
	if c.Invited && (c.Invitation.Status == onboarding.InvitationPending || c.Invitation.Status == onboarding.InvitationSuspended) {
		write.vals[":at"] = timeText(now)
		write.set += ", #invitation.#status = :accepted, #invitation.#accepted_member_id = :member, #invitation.#updated_at = :at, " +
			"#by_status_pk = :partition, #by_status_sk = :at"
		write.vals[":accepted"] = onboarding.InvitationAccepted
		write.vals[":partition"] = statusPartition(org, invitations, string(onboarding.InvitationAccepted))
	}
	outboxItem{}.into(&write)
	return t.updateStep(write, onboarding.ErrConflict)
}

// useStep uses the link once, if it is still as it was read. The default link may not be there yet.
func (t *Table) useStep(a onboarding.Admission) (step, error) {
	l := a.Link
	write := change{
		key:  linkKey(a.Organization, l.ID),
		set:  "SET #use_count = if_not_exists(#use_count, :none) + :one, #used_at = :at",
		vals: map[string]any{":none": 0, ":one": 1, ":at": timeText(a.At)},
	}
	if l.Version == 0 {
		write.condition = "attribute_not_exists(#version)"
		return t.updateStep(write, onboarding.ErrLinkChanged)
	}
	write.condition = "#version = :seen AND (attribute_not_exists(#expires_at) OR #expires_at > :at) AND " +
		"(attribute_not_exists(#max_uses) OR #use_count < #max_uses)"
	write.vals[":seen"] = l.Version
	return t.updateStep(write, onboarding.ErrLinkChanged)
}

// actorStep holds that somebody still is as they were judged; with a version, that nothing about them has changed.
func (t *Table) actorStep(org onboarding.OrganizationID, a onboarding.Actor, version int64) (step, error) {
	check := change{
		key:       memberKey(org, a.ID),
		condition: "#member.#status = :active AND #member.#type = :type AND #member.#role = :role",
		vals:      map[string]any{":active": onboarding.MemberActive, ":type": a.Type, ":role": a.Role},
	}
	if version > 0 {
		check.condition += " AND #version = :version"
		check.vals[":version"] = version
	}
	return t.checkStep(check, onboarding.ErrInviterChanged)
}

// verified is the attribute that says whether a member has shown that the address they sign in with is theirs.
func verified(m onboarding.Member) string {
	if m.Login().Kind == onboarding.Phone {
		return "#phone_verified"
	}
	return "#email_verified"
}

// Readmit gives an applicant the password and the names that they have entered again, and ends their sessions.
func (t *Table) Readmit(ctx context.Context, a onboarding.Admission, status onboarding.MemberStatus) error {
	at, m := timeText(a.At), a.Member
	return t.transactAll(ctx,
		func() (step, error) { return t.joinStep(a.Organization, a.Join, m.ID, a.At) },
		func() (step, error) {
			return t.updateStep(change{
				key:       contactKey(a.Organization, a.Contact.ID),
				set:       "SET #verified_at = :at, #version = #version + :one",
				condition: "#version = :seen AND #member_id = :member",
				vals:      map[string]any{":at": at, ":one": 1, ":seen": a.Contact.Version, ":member": memberText(m.ID)},
			}, onboarding.ErrConflict)
		},
		func() (step, error) {
			return t.updateStep(change{
				key: memberKey(a.Organization, m.ID),
				set: "SET #member.#first_name = :first, #member.#last_name = :last, #member.#search = :search, #member.#updated_at = :at, " +
					"#member." + verified(m) + " = :true, #password_hash = :hash, " +
					"#session_epoch = :epoch, #version = :version",
				condition: "#member.#status = :status AND #session_epoch = :before AND #version = :seen",
				vals: map[string]any{":first": m.FirstName, ":last": m.LastName, ":search": m.SearchText(), ":at": at, ":hash": a.Credentials.Password,
					":epoch": a.Credentials.Epoch, ":before": a.Credentials.Epoch - 1, ":version": m.Version, ":seen": m.Version - 1,
					":status": status, ":true": true},
			}, onboarding.ErrConflict)
		},
		func() (step, error) {
			return t.putNew(newSessionItem(a.Organization, a.Session), onboarding.ErrConflict)
		},
	)
}
