// What the app asks for. Read by Apollo's manifest builder, by the tests in Node and by the page in the browser.
import { gql } from "@apollo/client/core";

export const PRODUCT = gql`
  query Product($id: ID!) {
    product(id: $id) {
      id
      name
    }
  }
`;

export const WITH_USER = gql`
  query WithUser($id: ID!) {
    product(id: $id) {
      id
      name
    }
    me {
      id
      name
    }
  }
`;

export const RENAME = gql`
  mutation Rename($id: ID!, $to: String!) {
    updateProfile(id: $id, displayName: $to) {
      id
      name
    }
  }
`;
