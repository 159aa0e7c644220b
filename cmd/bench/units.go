package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// What DynamoDB charges for, as its guide has it. A write: a unit for each KB begun of the larger of the item before
// and after it, twice that in a transaction; and for each index, once, what the write changes there. A read: a unit for
// each 4 KB begun, half that where it need not be consistent.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html

const (
	writeUnit = 1 << 10
	readUnit  = 4 << 10
)

func units(size, unit int) float64 { return max(1, math.Ceil(float64(size)/float64(unit))) }

// tableUnits is what a write costs in the table itself. An item that is not there is empty.
func tableUnits(before, after attributes) float64 {
	return units(max(size(before), size(after)), writeUnit)
}

// indexUnits is what a write costs in an index: nothing where the item's copy there stays as it is, one write where it
// comes, goes or changes, and two where it moves to another key.
func indexUnits(index types.GlobalSecondaryIndex, tableKey []types.KeySchemaElement, before, after attributes) float64 {
	was, is := project(index, tableKey, before), project(index, tableKey, after)
	switch {
	case reflect.DeepEqual(was, is):
		return 0
	case was == nil:
		return units(size(is), writeUnit)
	case is == nil:
		return units(size(was), writeUnit)
	}
	for _, k := range index.KeySchema {
		name := aws.ToString(k.AttributeName)
		if !reflect.DeepEqual(was[name], is[name]) {
			return units(size(was), writeUnit) + units(size(is), writeUnit)
		}
	}
	return units(max(size(was), size(is)), writeUnit)
}

// project is the copy of an item that an index holds; nil where the item lacks one of its keys.
func project(index types.GlobalSecondaryIndex, tableKey []types.KeySchemaElement, item attributes) attributes {
	names := slices.Clone(index.Projection.NonKeyAttributes)
	for _, k := range slices.Concat(index.KeySchema, tableKey) {
		name := aws.ToString(k.AttributeName)
		if item[name] == nil {
			return nil
		}
		names = append(names, name)
	}
	if index.Projection.ProjectionType == types.ProjectionTypeAll {
		return item
	}
	copied := attributes{}
	for _, name := range names {
		if value, ok := item[name]; ok {
			copied[name] = value
		}
	}
	return copied
}

// size is what an item counts, in bytes: the names and the values of its attributes.
func size(item attributes) int {
	n := 0
	for name, value := range item {
		n += len(name) + valueSize(value)
	}
	return n
}

func valueSize(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberSize(v.Value)
	case *types.AttributeValueMemberBOOL, *types.AttributeValueMemberNULL:
		return 1
	case *types.AttributeValueMemberM:
		n := 3
		for name, value := range v.Value {
			n += 1 + len(name) + valueSize(value)
		}
		return n
	case *types.AttributeValueMemberL:
		n := 3
		for _, value := range v.Value {
			n += 1 + valueSize(value)
		}
		return n
	}
	panic(fmt.Sprintf("the table holds a %T, whose size is not known here", v))
}

// numberSize is a byte for every two digits that count, one more, and one for the sign. The guide calls it approximate.
func numberSize(s string) int {
	digits := strings.Trim(strings.ReplaceAll(strings.TrimLeft(s, "+-"), ".", ""), "0")
	n := 1 + (len(digits)+1)/2
	if strings.HasPrefix(s, "-") {
		n++
	}
	return n
}
