import { graphql } from "relay-runtime";

export const query = graphql`
  query AppQuery($id: ID!) {
    product(id: $id) {
      id
      name
      price {
        units
        currency
      }
    }
  }
`;
